"""Does a model still compute the same? Feeds, comparison, and the verdict about every pass."""

from graphfix.verify.compare import OutputComparison, compare
from graphfix.verify.composition import Composition, compose
from graphfix.verify.data import load_data
from graphfix.verify.feeds import FeedSet, make_feed
from graphfix.verify.inputs import ModelInput, model_inputs
from graphfix.verify.regions import RegionVerifier
from graphfix.verify.reproducer import save_reproducer
from graphfix.verify.structure import problems, structure
from graphfix.verify.tolerance import Tolerance, tolerance
from graphfix.verify.verification import VERIFICATION_OFF, Mode, Status, Verification
from graphfix.verify.verifier import Verifier

__all__ = [
    "VERIFICATION_OFF",
    "Composition",
    "FeedSet",
    "Mode",
    "ModelInput",
    "OutputComparison",
    "RegionVerifier",
    "Status",
    "Tolerance",
    "Verification",
    "Verifier",
    "compare",
    "compose",
    "load_data",
    "make_feed",
    "model_inputs",
    "problems",
    "save_reproducer",
    "structure",
    "tolerance",
]

"""How a pipeline fails on a model, in a form that can be compared with another failure."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx_ir as ir

from graphfix.errors import GraphfixError, NumericsError, PassCrash, PassError, StructureError
from graphfix.instrumentations import CheckStructure, VerifyNumerics
from graphfix.manager import Observer, Outcome, PassManager, Step
from graphfix.pipeline import Pipeline
from graphfix.verify import FeedSet, Mode, RegionVerifier, Verifier

WHOLE = "the whole pipeline"
"""What is to blame when every pass holds but the last model differs from the first."""


@dataclass(frozen=True)
class Failure:
    """Which pass fails and in what way; two failures are the same when both are equal."""

    item: str
    """Name of the pass, or :data:`WHOLE`."""
    kind: str
    """Such as ``numbers``, ``structure``, ``crash ValueError``, ``killed by SIGSEGV``."""
    message: str
    index: int = 0
    """Which pass of the pipeline it is."""

    def like(self, other: "Failure | None") -> bool:
        """Whether the same pass fails in the same way."""
        return other is not None and (self.item, self.kind) == (other.item, other.kind)


@dataclass(frozen=True)
class Settings:
    """How the passes are verified."""

    mode: Mode
    shapes: Sequence[str] = ()
    data: Path | None = None
    seed: int = 0
    rtol: float | None = None
    atol: float | None = None


@dataclass(frozen=True)
class Attempt:
    """What became of one run; ``failure`` is ``None`` when nothing failed."""

    failure: Failure | None
    outcome: Outcome | None = None
    feeds: FeedSet | None = None
    """The feeds on which the failure shows."""


def attempt(
    source: Callable[[], ir.Model],
    pipeline: Pipeline,
    settings: Settings,
    *,
    onlookers: Sequence[Observer] = (),
) -> Attempt:
    """Run and verify a pipeline in this process; what cannot be run at all does not fail."""
    kind = RegionVerifier if settings.mode is Mode.REGION else Verifier
    verifier = kind(
        shapes=settings.shapes,
        data=settings.data,
        seed=settings.seed,
        rtol=settings.rtol,
        atol=settings.atol,
    )
    looks = [*onlookers]
    if settings.mode is not Mode.OFF:
        looks += [CheckStructure(), VerifyNumerics(verifier)]
    outcome = PassManager(pipeline, instrumentations=looks).run(source)
    failure = failure_of(outcome)
    feeds = verifier.failing_feeds if failure and settings.mode is not Mode.OFF else None
    return Attempt(failure, outcome, feeds)


def failure_of(outcome: Outcome) -> Failure | None:
    """The first failure of a run."""
    if outcome.failures:
        first = outcome.failures[0]
        return Failure(first.step.item.name, _kind(first.error), str(first.error), first.step.index)
    if outcome.rejected is not None:
        return Failure(WHOLE, _kind(outcome.rejected), str(outcome.rejected))
    return None


class Announce(Observer):
    """Writes the number of the pass that runs into a file, for whoever survives its crash."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def before(self, step: Step) -> None:
        """Name the pass."""
        self.path.write_text(f"{step.index} {step.item.name}", encoding="utf-8")


_WAYS = (
    ("does not run", "onnxruntime ran the model before"),
    ("does not run", "does not run"),
    ("interface", "whose contract is Interface"),
    ("not a number or infinite", "NaN or infinities out of place"),
    ("cosine", "must reach"),
    ("relative error", "relative error"),
)


def _kind(error: PassError) -> str:
    """In what way a pass failed; numbers and names of the message do not count."""
    text = str(error)
    if isinstance(error, StructureError):
        return "structure"
    if isinstance(error, PassCrash):
        return f"crash {type(error.__cause__).__name__}"
    if isinstance(error, NumericsError):
        for kind, sign in _WAYS:
            if sign in text:
                return kind
        if re.search(r": (shape|dtype) \S+ after", text):
            return "shape" if ": shape " in text else "dtype"
        return "numbers"
    plain = re.sub(r"'[^']*'|\"[^\"]*\"|\d+(\.\d+)?(e[-+]?\d+)?", "_", text.splitlines()[0])
    return f"refused: {plain[:100]}"


Unusable = (GraphfixError, ValueError, KeyError)
"""What a model that was cut in the wrong place may raise before any pass runs."""

"""GF262: sequences of tensors."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.releases import between
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.target import Evidence, Profile


class Sequences(NodeRule):
    """Operators on sequences are no work for the AI Core.

    They are registered from CANN 8.5 on and handle lists of tensors, which the AI CPU or the host
    has to do; no public table names a kernel. An export from PyTorch has them where the code splits
    a tensor into a list: index the tensor instead, or replace SplitToSequence and SequenceAt by
    Split, ConcatFromSequence by Concat.
    """

    id = "GF262"
    title = "sequences of tensors"
    severity = Severity.SLOW
    evidence = Evidence.INFERENCE
    citation = "registrations of hicann/ge, ops-nn, ops-cv, ops-math; no kernel in public tables"
    covers = ("Sequence/1",)
    op_types = (
        "SequenceAt", "SequenceConstruct", "SequenceEmpty", "SequenceErase", "SequenceInsert",
        "SequenceLength", "SplitToSequence", "ConcatFromSequence",
    )  # fmt: skip

    def applies(self, profile: Profile) -> bool:
        """Releases that register them, and the two that may."""
        return between(profile, "7.0", "development")

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """Every one."""
        yield self.finding(
            f"{node.op_type} works on a sequence, which the AI Core cannot",
            view.label(node),
            advice="use Split and Concat",
        )

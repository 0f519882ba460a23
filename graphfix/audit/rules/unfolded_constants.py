"""GF142: constants that are computed when the model runs."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.rule import Rule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.target import Evidence


class UnfoldedConstants(Rule):
    """Nodes work on constants alone.

    What they compute is the same in every run. ATC folds what it can, and runs the rest each time,
    in types that the AI Core may not have (index tables in int64 or double are typical).
    ``fold-constants`` folds them; results that would make the file much larger are left.
    """

    id = "GF142"
    title = "constants computed at run time"
    severity = Severity.SLOW
    evidence = Evidence.INFERENCE
    citation = "canndev 2022-06-30: fusion_pass, const2attr_fusion_pass.cc"

    def check(self, view: View) -> Iterator[Finding]:
        """All such nodes of the main graph at once."""
        found = [node for node in view.foldable if not _repeats(node, view)]
        if found:
            count = "1 node computes" if len(found) == 1 else f"{len(found)} nodes compute"
            yield self.finding(f"{count} constants", *view.labels(found), remedy="fold-constants")


def _repeats(node: ir.Node, view: View) -> bool:
    """Whether the node gives a constant another name and computes nothing."""
    return node.op_type == "Identity" and view.is_constant(node.inputs[0])

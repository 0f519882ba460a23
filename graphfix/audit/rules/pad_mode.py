"""GF226: Pad with a mode that the kernel does not have."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.reading import text
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.target import Evidence


class PadMode(NodeRule):
    """ATC hands the mode of a Pad to PadV3, which has constant, reflect and edge.

    ``wrap`` came with opset 19; ``opset`` (to 18 or less) makes it Slice and Concat.
    """

    id = "GF226"
    title = "Pad with an unknown mode"
    severity = Severity.ERROR
    evidence = Evidence.INFERENCE
    citation = "hicann/ops-math: pad_onnx_plugin.cpp; REG_OP(PadV3)"
    covers = ("Pad/1",)
    op_types = ("Pad",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """The attribute is none of those."""
        mode = text(node, "mode", "constant")
        if mode in ("constant", "reflect", "edge"):
            return
        wraps = mode == "wrap" and view.opset >= 19
        yield self.finding(
            f"has mode={mode}, and PadV3 takes constant, reflect and edge",
            view.label(node),
            remedy=f"opset{{to={view.profile.opset_window[1]}}}" if wraps else None,
            advice="" if wraps else "write Slice and Concat",
        )

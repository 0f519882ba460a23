"""GF201: Resize with a mode that ATC does not know."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.reading import text
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity


class ResizeMode(NodeRule):
    """ATC takes nearest, linear and (from opset 11 on) cubic; any other mode stops the conversion.

    Spellings of other tools, such as ``bilinear``, are other modes. That ``cubic`` is not good on
    every release is GF202.
    """

    id = "GF201"
    title = "Resize with an unknown mode"
    severity = Severity.ERROR
    citation = "hicann/ops-nn: resize_onnx_plugin.cpp, ParseOpToGraphResize"
    covers = ("Resize/2", "Resize/13")
    op_types = ("Resize",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """The attribute is none of those."""
        mode = text(node, "mode", "nearest")
        known = ("nearest", "linear") if view.opset <= 10 else ("nearest", "linear", "cubic")
        if mode not in known:
            yield self.finding(
                f"has mode={mode}, and at opset {view.opset} ATC takes {', '.join(known)}",
                view.label(node),
                advice="write mode=linear or mode=nearest",
            )

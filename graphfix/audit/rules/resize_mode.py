"""GF201: Resize and Upsample with a mode that ATC does not know."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.reading import text
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity


class ResizeMode(NodeRule):
    """ATC takes nearest and linear; any other mode stops the conversion.

    Resize takes cubic, too, from opset 11 on; that it is not good on every release is GF202.
    Spellings of other tools, such as ``bilinear``, are other modes.
    """

    id = "GF201"
    title = "unknown mode of Resize or Upsample"
    severity = Severity.ERROR
    citation = "hicann/ops-nn: resize_onnx_plugin.cpp; hicann/ops-cv: upsample_onnx_plugin.cpp"
    covers = ("Resize/2", "Resize/13", "Upsample/1")
    op_types = ("Resize", "Upsample")

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """The attribute is none of those."""
        mode = text(node, "mode", "nearest")
        cubic = mode == "cubic" and node.op_type == "Resize" and view.opset >= 11
        if mode not in ("nearest", "linear") and not cubic:
            yield self.finding(
                f"has mode={mode}, and ATC takes nearest and linear",
                view.label(node),
                advice="write mode=linear or mode=nearest",
            )

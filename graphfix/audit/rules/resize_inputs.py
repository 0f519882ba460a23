"""GF200: Resize with fewer than three inputs."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity


class ResizeInputs(NodeRule):
    """From opset 11 on ATC reads roi and scales of a Resize without asking whether they are there.

    The plugin wants three inputs (with scales) or four (with sizes); one that is not used is an
    empty name. With fewer the conversion fails.
    """

    id = "GF200"
    title = "Resize with fewer than three inputs"
    severity = Severity.ERROR
    citation = "hicann/ops-nn: resize_onnx_plugin.cpp, BuildResizeSizesFromInputs"
    covers = ("Resize/1",)
    op_types = ("Resize",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """The inputs are counted, empty ones too."""
        if view.opset >= 11 and len(node.inputs) < 3:
            yield self.finding(
                f"has {len(node.inputs)} of the inputs X, roi, scales and sizes, and ATC wants "
                "three or four",
                view.label(node),
                advice="add roi (empty) and scales",
            )

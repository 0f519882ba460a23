"""GF213: linear Resize and Upsample from before coordinates could be chosen."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.reading import text
from graphfix.audit.releases import between
from graphfix.audit.resizing import resizing
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.target import Evidence, Profile


class ResizeLinear10(NodeRule):
    """A linear Resize of opset 10 and a linear Upsample come out shifted by up to half a pixel.

    Both sample at ``x / scale`` (asymmetric). ATC makes them GE's Resize without saying so, whose
    default is half_pixel. ``opset{to=11}`` makes them a Resize that says asymmetric. CANN 5.1 and
    6.0 read half_pixel as asymmetric, so there they come out right.
    """

    id = "GF213"
    title = "linear Resize of opset 10, linear Upsample"
    severity = Severity.WRONG
    evidence = Evidence.INFERENCE
    citation = (
        "hicann/ops-nn: resize_onnx_plugin.cpp, BuildLinearResizeV10; "
        "hicann/ops-cv: upsample_onnx_plugin.cpp; REG_OP(Resize)"
    )
    covers = ("Resize/13", "Upsample/1")
    op_types = ("Resize", "Upsample")

    def applies(self, profile: Profile) -> bool:
        """Releases whose sources were read, without those where two faults cancel out."""
        return between(profile, "8.5", "development")

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """The mode is linear and the size may change."""
        if node.op_type == "Resize" and view.opset != 10:
            return
        if text(node, "mode", "nearest") == "linear" and not resizing(node, view).same:
            yield self.finding(
                "interpolates at x / scale, and ATC takes half_pixel for granted",
                view.label(node),
                remedy="opset{to=11}",
            )

"""GF225: Pad with axes."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.target import Evidence


class PadAxes(NodeRule):
    """The fourth input of a Pad, axes, has no place in the operator that ATC makes of it.

    PadV3 has data, pads and a value. The development branch refuses a fourth input, the releases
    before connect by number without looking, so pads of some axes would be taken for those of all.
    ``opset`` (to 17 or less) writes the pads of all axes.
    """

    id = "GF225"
    title = "Pad with axes"
    severity = Severity.ERROR
    evidence = Evidence.INFERENCE
    citation = "hicann/ops-math: pad_onnx_plugin.cpp; REG_OP(PadV3)"
    covers = ("Pad/1",)
    op_types = ("Pad",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """The input is there."""
        if view.opset >= 18 and view.input(node, 3) is not None:
            yield self.finding(
                "has axes, an input that ATC has no place for",
                view.label(node),
                remedy=f"opset{{to={min(17, view.profile.opset_window[1])}}}",
            )

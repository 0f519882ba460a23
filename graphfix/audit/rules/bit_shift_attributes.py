"""GF346: BitShift with more than its direction."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity


class BitShiftAttributes(NodeRule):
    """A BitShift has an attribute besides ``direction``.

    ATC's plugin fails at the first one that it does not know, as no other plugin does. ONNX has no
    other either, so it comes from the exporter and can go.
    """

    id = "GF346"
    title = "attributes of BitShift"
    severity = Severity.ERROR
    citation = "hicann/ops-math: bitshift_onnx_plugin.cpp"
    covers = ("BitShift/1",)
    op_types = ("BitShift",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """Any other name."""
        others = [name for name in node.attributes if name != "direction"]
        if others:
            yield self.finding(
                f"has {', '.join(others)}; ATC refuses all but direction",
                view.label(node),
                advice="remove the attribute",
            )

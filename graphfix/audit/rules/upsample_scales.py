"""GF215: Upsample with its scales in an attribute."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity


class UpsampleScales(NodeRule):
    """An Upsample of opset 8 has its scales in an attribute, where ATC does not look.

    The plugin is registered for opset 8, but reads the second input, which came with opset 9.
    ``opset{to=11}`` makes the node a Resize with scales.
    """

    id = "GF215"
    title = "Upsample with scales as attribute"
    severity = Severity.ERROR
    citation = "hicann/ops-cv: upsample_onnx_plugin.cpp"
    covers = ("Upsample/1",)
    op_types = ("Upsample",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """There is no second input."""
        if view.input(node, 1) is None:
            yield self.finding(
                "has no input for its scales, which ATC reads there",
                view.label(node),
                remedy="opset{to=11}",
            )

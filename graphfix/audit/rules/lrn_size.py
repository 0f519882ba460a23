"""GF345: LRN over an even count of channels."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.reading import integer
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity


class LrnSize(NodeRule):
    """``size`` of an LRN is even.

    ATC's kernel takes as many channels on either side, so its plugin refuses an even count. The sum
    over the channels can be written as an AveragePool of the squares, with the channels as a
    spatial axis.
    """

    id = "GF345"
    title = "even size of LRN"
    severity = Severity.ERROR
    citation = "hicann/ops-nn: lrn_onnx_plugin.cpp"
    covers = ("LRN/1",)
    op_types = ("LRN",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """Zero is even, too."""
        size = integer(node, "size", 1)
        if size % 2 == 0:
            yield self.finding(
                f"has size {size}; ATC takes odd ones alone",
                view.label(node),
                advice="write the sum as an AveragePool of the squares, along the channels",
            )

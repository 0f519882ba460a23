"""GF315: MaxPool with indices."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity


class MaxPoolIndices(NodeRule):
    """A MaxPool has its second output, the positions of the maxima.

    ATC's plugin counts the outputs and fails when there are two, whether the second is read or not.
    Mostly it feeds a MaxUnpool; what nothing reads ``pool-indices`` removes.
    """

    id = "GF315"
    title = "indices of MaxPool"
    severity = Severity.ERROR
    citation = "hicann/ops-nn: max_pool_onnx_plugin.cpp"
    covers = ("MaxPool/1",)
    op_types = ("MaxPool",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """Two outputs."""
        if len(node.outputs) < 2:
            return
        indices = node.outputs[1]
        read = bool(indices.uses()) or indices.is_graph_output()
        yield self.finding(
            "has Indices as second output, which ATC refuses",
            view.label(node),
            remedy=None if read else "pool-indices",
            advice="compute the positions in another way, or upsample without them" if read else "",
        )

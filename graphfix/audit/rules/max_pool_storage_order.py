"""GF316: MaxPool with column-major indices."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.reading import integer
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity


class MaxPoolStorageOrder(NodeRule):
    """A MaxPool has ``storage_order`` 1.

    ATC's plugin refuses it. It is about the second output alone, so it can go where that is not
    there.
    """

    id = "GF316"
    title = "storage_order of MaxPool"
    severity = Severity.ERROR
    citation = "hicann/ops-nn: max_pool_onnx_plugin.cpp"
    covers = ("MaxPool/2",)
    op_types = ("MaxPool",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """The attribute is 1."""
        if integer(node, "storage_order", 0) == 1:
            read = any(value.uses() or value.is_graph_output() for value in node.outputs[1:])
            yield self.finding(
                "has storage_order 1, which ATC refuses",
                view.label(node),
                remedy=None if read else "pool-indices",
                advice="its indices count columns first; compute them in another way"
                if read
                else "",
            )

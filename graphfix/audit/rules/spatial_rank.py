"""GF306: convolutions and pools over more than three dims."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.reading import ints
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity


class SpatialRank(NodeRule):
    """A Conv or a pool slides over more than three dims.

    ATC has them over one, two and three, and fails for others. Moving dims into the batch with
    Reshape and Transpose, or several smaller convolutions that are summed up, do the same.
    """

    id = "GF306"
    title = "more than three spatial dims"
    severity = Severity.ERROR
    citation = "hicann/ops-nn: conv, average_pool, lppool, max_pool _onnx_plugin.cpp"
    covers = ("Conv/1", "AveragePool/1", "MaxPool/2")
    op_types = ("Conv", "AveragePool", "LpPool", "MaxPool")

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """By the length of ``kernel_shape``, or the rank of a Conv's weight."""
        kernel = ints(node, "kernel_shape")
        weight = view.shape(view.input(node, 1)) if node.op_type == "Conv" else None
        rank = len(kernel) if kernel is not None else len(weight or ()) - 2
        if rank > 3:
            yield self.finding(
                f"slides over {rank} dims; ATC has {node.op_type} over at most 3",
                view.label(node),
                advice="move dims into the batch, or split it",
            )

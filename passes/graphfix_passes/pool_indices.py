"""The ``pool-indices`` pass: positions of maxima that nobody asks for."""

from collections.abc import Mapping
from dataclasses import dataclass

import onnx_ir as ir

from graphfix.contract import Exact
from graphfix.rewrite import RewritePass, Rewriter, Skip


@dataclass(frozen=True, kw_only=True)
class PoolIndices(RewritePass):
    """Remove the second output of MaxPool where nothing reads it, and storage_order with it.

    Why
        ATC refuses a MaxPool with two outputs, read or not, and ``storage_order`` 1, which is about
        the second output alone. Exporters of ``return_indices=True`` write it, also where a model
        throws the indices away.

    Rewrites
        The node without both.

    Leaves alone
        Indices that are read, or are an output of the graph.
    """

    name = "pool-indices"
    match_ops = ("MaxPool",)
    contract = Exact()
    must_match = False

    def rewrite(self, node: ir.Node, rw: Rewriter) -> Mapping[ir.Value, ir.Value] | Skip | None:
        """Restate one pool with the maxima alone."""
        if len(node.outputs) == 1 and not rw.attr_int(node, "storage_order", 0):
            return None
        if any(value.uses() or value.is_graph_output() for value in node.outputs[1:]):
            return rw.skip("its indices are read")
        (maxima,) = rw.restate(node, outputs=1, drop=("storage_order",))
        return {node.outputs[0]: maxima}

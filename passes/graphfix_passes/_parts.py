"""Nodes that read parts of one tensor, and the Split that makes all the parts at once."""

from collections.abc import Sequence

import onnx_ir as ir

from graphfix.rewrite import Rewriter, constant_tensor
from graphfix_passes._known import rank

_SIZES_ARE_AN_INPUT = 13


def folds(data: ir.Value) -> bool:
    """Whether ``data`` is a constant or a list of integers, such as sizes, which becomes one."""
    is_list = rank(data) == 1 and data.dtype in (ir.DataType.INT64, ir.DataType.INT32)
    return is_list or constant_tensor(data) is not None


def siblings(node: ir.Node, rw: Rewriter) -> Sequence[ir.Node]:
    """The nodes that read what ``node`` reads, beside it and in the same way, from it on.

    They have its operator and its graph and come in the order of the graph. Those before ``node``,
    which a selection has left out, are not among them: what takes their place would come too late.
    """
    data, graph = node.inputs[0], node.graph
    if data is None or graph is None:
        return ()
    order: dict[ir.Node, int] | None = rw.memory.get(("order", graph))
    if order is None:  # rewrites remove nodes and put new ones between; the old ones keep theirs
        order = {each: number for number, each in enumerate(graph)}
        rw.memory[("order", graph)] = order
    found = {
        use.node: order[use.node]
        for use in data.uses()
        if use.idx == 0
        and use.node in order
        and (use.node.domain, use.node.op_type) == (node.domain, node.op_type)
        and order[use.node] >= order[node]
    }
    return sorted(found, key=found.__getitem__)


def split(rw: Rewriter, data: ir.Value, sizes: Sequence[int], axis: int) -> Sequence[ir.Value]:
    """The parts of ``data`` with these sizes, one after the other along ``axis``."""
    if rw.opset >= _SIZES_ARE_AN_INPUT:
        return rw.ops("Split", data, rw.const(list(sizes)), outputs=len(sizes), axis=axis)
    return rw.ops("Split", data, outputs=len(sizes), axis=axis, split=list(sizes))

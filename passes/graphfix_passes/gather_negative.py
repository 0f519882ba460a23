"""The ``gather-negative`` pass: indices that count from the end."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from graphfix.contract import Exact
from graphfix.rewrite import RewritePass, Rewriter, Skip
from graphfix_passes._known import Dim, dims


@dataclass(frozen=True, kw_only=True)
class GatherNegative(RewritePass):
    """Write constant negative indices of Gather, GatherElements and GatherND from the start.

    Why
        ATC up to CANN 6.0, and perhaps 8.0, does not tell its Gather that negative indices count
        from the end, and never tells GatherND; it then reads something else.

    Rewrites
        The size of the axis is added to indices below 0. The node gets a constant of its own, so
        that other readers of the indices keep theirs.

    Leaves alone
        Indices that are computed, which may be negative or not. An axis whose size is not known.
        Indices out of range.
    """

    name = "gather-negative"
    match_ops = ("Gather", "GatherElements", "GatherND")
    contract = Exact()
    must_match = False
    reads_shapes = True

    def rewrite(self, node: ir.Node, rw: Rewriter) -> Sequence[ir.Value] | Skip | None:
        """Restate the node with other indices."""
        indices = rw.constant(node.inputs[1])
        if indices is None:
            return rw.skip("its indices are computed")
        if indices.size == 0 or indices.min() >= 0:
            return None
        sizes = _sizes(node, dims(node.inputs[0]), indices.shape, rw)
        if sizes is None:
            return rw.skip("the size of an axis with negative indices is not known")
        counted = np.where(indices < 0, indices + sizes, indices)
        if counted.min() < 0:
            return rw.skip("an index is before the first element")
        data = node.inputs[0]
        return rw.restate(node, [data, rw.const(counted.astype(indices.dtype))])


def _sizes(
    node: ir.Node, known: Sequence[Dim] | None, shape: Sequence[int], rw: Rewriter
) -> np.ndarray | None:
    """What to add to negative indices, for broadcasting with them."""
    if known is None:
        return None
    axes: Sequence[int] = [rw.attr_int(node, "axis", 0)]
    if node.op_type == "GatherND":  # each of the last dim is an index for an axis of its own
        first = rw.attr_int(node, "batch_dims", 0)
        axes = range(first, first + shape[-1])
    sizes = [known[axis] for axis in axes if -len(known) <= axis < len(known)]
    if len(sizes) < len(axes) or not all(isinstance(size, int) for size in sizes):
        return None
    return np.array(sizes if node.op_type == "GatherND" else sizes[0], np.int64)

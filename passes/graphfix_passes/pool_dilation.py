"""The ``pool-dilation`` pass: MaxPools whose windows have gaps."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from graphfix.contract import EQUAL
from graphfix.rewrite import RewritePass, Rewriter, Skip

_PADS_ARE_INPUTS_SINCE = 11
_TYPES = (ir.DataType.FLOAT16, ir.DataType.FLOAT, ir.DataType.DOUBLE)
_END = np.iinfo(np.int64).max
"""ONNX: an end of a Slice that means all the rest."""


@dataclass(frozen=True, kw_only=True)
class PoolDilation(RewritePass):
    """Replace dilations of MaxPool by the largest of shifted Slices.

    Why
        ATC makes a MaxPoolV3 of a MaxPool over one or two axes, which has no dilations: it compares
        neighbours instead, and nothing tells.

    Rewrites
        Along each dilated axis the input, padded, is sliced once for each element of the window,
        and Max takes the largest. What is left of the window, and strides, stay with a MaxPool.
        Dilations along which a window has one element are dropped.

    Leaves alone
        Pools of three axes, for which there is an operator. Indices that are read. ``auto_pad``
        SAME, for which ``conv-attrs`` writes pads. ``ceil_mode`` together with strides. Integers,
        and types that are not known.

    Numerics
        Exact, but for the sign of a zero; and Max hands on a NaN that onnxruntime's MaxPool skips.
    """

    name = "pool-dilation"
    match_ops = ("MaxPool",)
    contract = EQUAL
    must_match = False
    reads_shapes = True

    def rewrite(self, node: ir.Node, rw: Rewriter) -> Sequence[ir.Value | None] | Skip | None:
        """Take dilated axes first, each by itself, then the rest."""
        kernel, dilations = rw.attr_ints(node, "kernel_shape"), rw.attr_ints(node, "dilations")
        if not kernel or not dilations or set(dilations) == {1} or len(kernel) > 2:
            return None
        rest = (None,) * (len(node.outputs) - 1)
        if any(value.uses() or value.is_graph_output() for value in node.outputs[1:]):
            return rw.skip("the indices of the MaxPool are read")
        dilated = [
            axis for axis, (k, d) in enumerate(zip(kernel, dilations, strict=True)) if min(k, d) > 1
        ]
        if not dilated:
            (same,) = rw.restate(node, outputs=1, drop=("dilations",))
            return [same, *rest]
        data, auto_pad = node.inputs[0], rw.attr_str(node, "auto_pad", "NOTSET")
        strides = rw.attr_ints(node, "strides") or (1,) * len(kernel)
        if data is None or data.dtype not in _TYPES:
            return rw.skip("its data are not known to be floats")
        if auto_pad.startswith("SAME"):
            return rw.skip(f"auto_pad is {auto_pad}; conv-attrs writes pads")
        if rw.attr_int(node, "ceil_mode", 0) and any(strides[axis] > 1 for axis in dilated):
            return rw.skip("ceil_mode may add a window along a dilated axis with a stride")
        written = None if auto_pad == "VALID" else rw.attr_ints(node, "pads")
        pads = written or (0,) * (2 * len(kernel))
        value = _padded(data, pads, dilated, len(kernel), rw)
        for axis in dilated:
            value = _largest(value, axis + 2, kernel[axis], dilations[axis], rw)
        window = [1 if axis in dilated else size for axis, size in enumerate(kernel)]
        if {*window, *strides} == {1}:
            return [value, *rest]
        left = [0 if k % len(kernel) in dilated else size for k, size in enumerate(pads)]
        changed = {"kernel_shape": window, **({"pads": left} if written else {})}
        (pooled,) = rw.restate(node, [value], outputs=1, drop=("dilations",), attributes=changed)
        return [pooled, *rest]


def _padded(
    data: ir.Value, pads: Sequence[int], axes: Sequence[int], count: int, rw: Rewriter
) -> ir.Value:
    """The data with the least number around ``axes`` of the ``count`` that are pooled."""
    chosen = [size if k % count in axes else 0 for k, size in enumerate(pads)]
    if not any(chosen):
        return data
    assert data.dtype is not None
    least = np.finfo(data.dtype.numpy()).min
    amounts = [0, 0, *chosen[:count], 0, 0, *chosen[count:]]
    if rw.opset < _PADS_ARE_INPUTS_SINCE:
        return rw.op("Pad", data, mode="constant", pads=amounts, value=float(least))
    return rw.op("Pad", data, rw.const(amounts), rw.const(least), mode="constant")


def _largest(value: ir.Value, axis: int, size: int, apart: int, rw: Rewriter) -> ir.Value:
    """The largest of ``size`` elements along an axis that are so far ``apart``."""
    along, slices = rw.const([axis]), []
    for place in range(size):
        left = (size - 1 - place) * apart  # what the later elements of the window need
        limits = rw.const([place * apart]), rw.const([-left if left else _END])
        slices.append(rw.op("Slice", value, *limits, along))
    return rw.op("Max", *slices)

"""The ``pool3d-to-pool2d`` pass: pools over volumes as pools over pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import onnx_ir as ir

from graphfix.contract import Close
from graphfix.rewrite import RewritePass, Rewriter, Skip
from graphfix.rewrite.rewriter import AttrValue

_DEPTH, _PICTURE = (0,), (1, 2)
"""The axes of a window."""


@dataclass(frozen=True, kw_only=True)
class Pool3dToPool2d(RewritePass):
    """Replace MaxPool and AveragePool over three axes by one over two, or by two of them.

    Why
        Kernels for three axes are fewer: as of 2022 that of AveragePool took float16 alone, and ATC
        does not read ``auto_pad`` there. Video networks write pools such as 1x3x3, and LPRNet 1x3x3
        with a stride over channels, which have little to do with volumes.

    Rewrites
        Height and width of [N, C, D, H, W] are pooled as [N, C x D, H, W], then the depth as
        [N, C, D, H x W], with a window of so many rows and one column. The largest is that of the
        largest. Windows have as many elements that count in each of their slices, with padding
        counted or not, so that the mean is that of means. A pool that leaves the depth as it is, or
        height and width, stays one pool.

    Leaves alone
        Depth, height or width of which a size is not known. An input of four dims, which torch's
        older exporter makes of a pool without a batch, and nothing runs. The indices of a MaxPool.
        Dilations, which ATC reads with three axes but not with two. ``ceil_mode`` beside
        ``auto_pad``, or where a window begins behind the data: onnxruntime leaves it out, ONNX
        counts it.

    Numerics
        Means are added in another order and divided in between. A largest number that is zero may
        have another sign.
    """

    name = "pool3d-to-pool2d"
    match_ops = ("AveragePool", "MaxPool")
    contract = Close()
    must_match = False
    reads_shapes = True

    def rewrite(
        self, node: ir.Node, rw: Rewriter
    ) -> ir.Value | Sequence[ir.Value | None] | Skip | None:
        """Pool pictures, then columns."""
        kernel = rw.attr_ints(node, "kernel_shape") or ()
        if len(kernel) != 3:
            return None
        if any(value.uses() or value.is_graph_output() for value in node.outputs[1:]):
            return rw.skip("the indices of the MaxPool are read")
        if any(size != 1 for size in rw.attr_ints(node, "dilations") or ()):
            return rw.skip("it has dilations, which ATC does not read with two axes")
        known = rw.facts.dims(node.inputs[0])
        if known is not None and len(known) != 5:
            reason = f"its window has 3 axes and its input {len(known)} dims, which nothing runs"
            return rw.skip(f"{reason}; give it a batch before the export")
        sizes = [size for size in (known or ())[2:] if isinstance(size, int)]
        if len(sizes) != 3:
            return rw.skip("depth, height or width is not known")
        strides = rw.attr_ints(node, "strides") or (1, 1, 1)
        pooled = _counts(node, sizes, kernel, strides, rw)
        if isinstance(pooled, Skip):
            return pooled
        value = node.inputs[0]
        changes = [sides != (1, 1) for sides in zip(kernel, strides, strict=True)]
        if any(changes[1:]) or not changes[0]:
            value = rw.op("Reshape", value, rw.const([0, -1, *sizes[1:]]))
            value = _pooled(node, value, _PICTURE, rw)
        if changes[0]:
            value = rw.op("Reshape", value, rw.const([0, -1, sizes[0], prod(pooled[1:])]))
            value = _pooled(node, value, _DEPTH, rw)
        value = rw.op("Reshape", value, rw.const([0, -1, *pooled]))
        return [value, *(None for _ in node.outputs[1:])]


def _counts(
    node: ir.Node, sizes: Sequence[int], kernel: Sequence[int], strides: Sequence[int], rw: Rewriter
) -> Sequence[int] | Skip:
    """How many windows there are along each axis, as ONNX says of pools."""
    padding = rw.attr_str(node, "auto_pad", "NOTSET")
    up = rw.attr_int(node, "ceil_mode", 0)
    if padding.startswith("SAME"):
        if up:
            return rw.skip("it has ceil_mode beside auto_pad, which conv-attrs writes out")
        return [-(-size // stride) for size, stride in zip(sizes, strides, strict=True)]
    pads = (rw.attr_ints(node, "pads") if padding == "NOTSET" else None) or (0,) * 6
    counts = []
    for axis, (size, side, stride) in enumerate(zip(sizes, kernel, strides, strict=True)):
        way = size + pads[axis] + pads[axis + 3] - side
        count = (-(-way // stride) if up else way // stride) + 1
        if (count - 1) * stride >= size + pads[axis]:
            return rw.skip("with ceil_mode a window begins behind the data, where runtimes differ")
        counts.append(count)
    return counts


def _pooled(node: ir.Node, value: ir.Value, axes: Sequence[int], rw: Rewriter) -> ir.Value:
    """The pool along some axes; the other one of two does nothing."""
    attributes: dict[str, AttrValue] = {
        name: node.attributes[name]
        for name in ("auto_pad", "ceil_mode", "count_include_pad")
        if name in node.attributes
    }
    rest = [1] * (2 - len(axes))
    for name in ("kernel_shape", "strides"):
        if (given := rw.attr_ints(node, name)) is not None:
            attributes[name] = [*(given[axis] for axis in axes), *rest]
    if (pads := rw.attr_ints(node, "pads")) is not None:
        none = [0] * len(rest)
        ends = [pads[axis + 3] for axis in axes]
        attributes["pads"] = [*(pads[axis] for axis in axes), *none, *ends, *none]
    return rw.op(node.op_type, value, domain="", **attributes)

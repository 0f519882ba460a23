"""The ``resize-matmul`` pass: interpolation as products with constant weights."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx_ir as ir

from graphfix.contract import Close
from graphfix.rewrite import RewritePass, Rewriter, Skip
from graphfix_passes._interpolation import lines, weights
from graphfix_passes._resize import CROP, read

_TYPES: Final = (ir.DataType.FLOAT16, ir.DataType.FLOAT)
_USUAL: Final = ("align_corners", "asymmetric", "half_pixel", "pytorch_half_pixel")
_OTHERS: Final = ("half_pixel_symmetric", CROP, "tf_half_pixel_for_nn")


@dataclass(frozen=True, kw_only=True)
class ResizeMatmul(RewritePass):
    """Replace an interpolating Resize by one product with constant weights for each axis.

    Why
        CANN 5.1 and 6.0 refuse cubic, and no release documents it. ATC does not read
        ``cubic_coeff_a``, ``exclude_outside``, ``extrapolation_value`` and ``antialias``: it
        interpolates with the defaults. A MatMul has no attributes to lose.

    Rewrites
        1. Cubic; linear with ``antialias`` that shrinks an axis, or with coordinates other than the
           four that ATC has. Each axis that changes is multiplied by what onnxruntime's own Resize
           makes of the identity matrix: the last one from the right, the one before from the left,
           others between two Transposes. The axis that shrinks most comes first.
        2. ``extrapolation_value``, where something lies outside of the crop, is added.

    Leaves alone
        Nearest, for which there is ``resize-gather``. Linear that ATC does itself, unless
        ``linear`` is given. Resize before opset 11. Scales, sizes or a roi that are computed; an
        axis that changes and whose size is not known; a scale or a crop that keeps the size of one;
        weights larger than ``limit``. Policies. Integers, which are rounded at the end, and double,
        for which the AI Core has no product.

    Numerics
        Terms are added in another order, and rounded after each axis. In float16 the weights are
        rounded, too. A product multiplies by 0 what Resize leaves out: infinity or NaN at one place
        makes NaN of its whole row and column. Data of this pass must be finite.

    Options
        linear  also what ATC can do
        limit   bytes
    """

    name = "resize-matmul"
    match_ops = ("Resize",)
    contract = Close()
    must_match = False
    reads_shapes = True

    linear: bool = False
    """Replace linear interpolation that ATC does itself, too."""
    limit: int = 64 * 2**20
    """Bytes that computing the weights of one axis may take: the square of the longer side."""

    def __post_init__(self) -> None:
        if self.limit < 0:
            raise ValueError(f"limit={self.limit} is a number of bytes, so not negative")

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip | None:
        """Multiply by the weights of each axis."""
        resizing = read(node, rw)
        if resizing.mode not in ("linear", "cubic"):
            return None
        if rw.opset < 11:
            return rw.skip("before opset 11 it says nothing of coordinates; see opset{to=11}")
        if resizing.coordinates not in (*_USUAL, *_OTHERS):
            return rw.skip(f"its coordinates are {resizing.coordinates}")
        done = not self.linear and resizing.mode == "linear" and resizing.coordinates in _USUAL
        antialias = rw.opset >= 18 and rw.attr_int(node, "antialias", 0)
        if done and not antialias:
            return rw.satisfied("it is linear; resize-matmul{linear} takes that, too")
        if resizing.policy != "stretch" and resizing.sizes is not None:
            return rw.skip(f"its policy is {resizing.policy}, which opset{{to=17}} writes as sizes")
        if resizing.data.dtype not in _TYPES:
            return rw.skip("its data are not known to be float16 or float32")
        axes = lines(resizing, rw)
        if isinstance(axes, Skip):
            return axes
        if done and all(line.factor >= 1 for line in axes.values()):
            return rw.satisfied("antialias only counts where it shrinks")
        for axis, line in axes.items():
            if line.nbytes > self.limit:
                return rw.skip(
                    f"the weights of axis {axis} ({line.before} to {line.after}) take "
                    f"{line.nbytes} bytes; see resize-matmul{{limit}}"
                )
        value, rank = resizing.data, len(rw.facts.dims(resizing.data) or ())
        outside = rw.attr_float(node, "extrapolation_value", 0.0)
        inside = np.ones((1,) * rank, bool)
        for axis, line in sorted(axes.items(), key=lambda item: item[1].factor):
            matrix = weights(line, node, rw)
            if outside:
                inside = inside & matrix.any(0).reshape(-1, *(1,) * (rank - 1 - axis))
            factor = _constant(matrix, resizing.data.dtype, node, rw, from_left=axis == rank - 2)
            value = _multiplied(value, factor, axis, rank, rw)
        if not inside.all():
            value = rw.op("Add", value, rw.const(np.where(inside, 0, outside), resizing.data.dtype))
        return value


def _multiplied(value: ir.Value, factor: ir.Value, axis: int, rank: int, rw: Rewriter) -> ir.Value:
    """``value`` with one axis multiplied by a matrix."""
    if axis == rank - 1:
        return rw.op("MatMul", value, factor)
    if axis == rank - 2:
        return rw.op("MatMul", factor, value)
    order = list(range(rank))
    order[axis], order[-1] = rank - 1, axis
    turned = rw.op("Transpose", value, perm=order)
    return rw.op("Transpose", rw.op("MatMul", turned, factor), perm=order)


def _constant(
    matrix: np.ndarray, dtype: ir.DataType | None, node: ir.Node, rw: Rewriter, *, from_left: bool
) -> ir.Value:
    """The weights as a constant, one for all nodes of a graph that have the same."""
    # The memory of the weights holds the array, so that no other one gets its id.
    key = (id(matrix), from_left, dtype, node.graph)
    if rw.in_function or key not in rw.memory:
        array = np.ascontiguousarray(matrix.T) if from_left else matrix
        rw.memory[key] = rw.const(array, dtype)
    value: ir.Value = rw.memory[key]
    return value

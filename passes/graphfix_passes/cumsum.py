"""The ``cumsum`` pass: running sums."""

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from graphfix.contract import Close
from graphfix.rewrite import RewritePass, Rewriter, Skip
from graphfix_passes._axes import squeezed, unsqueezed
from graphfix_passes._known import fixed

_TYPES = (ir.DataType.FLOAT16, ir.DataType.FLOAT)


@dataclass(frozen=True, kw_only=True)
class Cumsum(RewritePass):
    """Replace a CumSum by a product with a triangle of ones.

    Why
        ATC puts a CumSum on the AI CPU unless its axis is a constant. With one, the AI Core adds
        element to element; a product has n times the additions, but they run on the matrix unit
        all at once. That this is faster is an assumption, which depends on the sizes.

    Rewrites
        CumSum of float16 and float32, forward or reverse, exclusive or not, along an axis of known
        size: of the last two axes by one MatMul, of others between two Transposes. Equal triangles
        are one constant.

    Leaves alone
        An axis that is computed, of unknown size, or longer than ``longest``. Data of unknown
        rank. Integers and double, for which the AI Core has no product.

    Numerics
        The terms of a sum are added in another order. The product also multiplies by 0 what a sum
        leaves out: infinity or NaN at one place makes NaN of the whole line, where CumSum only
        passes it on. Data of this pass must be finite.
    """

    name = "cumsum"
    match_ops = ("CumSum",)
    contract = Close()
    must_match = False
    reads_shapes = True

    longest: int = 1024
    """The longest axis that is summed by a product."""

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip:
        """Multiply from the right along the last axis, from the left along the one before."""
        data, given = node.inputs[0], fixed(node.inputs[1], rw)
        known = rw.dims(data)
        if given is None:
            return rw.skip("its axis is computed")
        if data is None or not known:
            return rw.skip("the rank of its data is not known")
        if data.dtype not in _TYPES:
            kind = "an unknown type" if data.dtype is None else data.dtype.name.lower()
            return rw.skip(f"its data are of {kind}, not float16 or float32")
        rank = len(known)
        axis = int(given) % rank
        size = known[axis]
        if size is None:
            return rw.skip(f"the size of axis {axis} is not known")
        if size > self.longest:
            return rw.skip(f"axis {axis} has {size} elements; see cumsum{{longest}}")
        if rank == 1:
            row = unsqueezed(rw, data, [0])
            return squeezed(rw, rw.op("MatMul", row, _ones(node, size, data, rw)), [0])
        if axis == rank - 1:
            return rw.op("MatMul", data, _ones(node, size, data, rw))
        if axis == rank - 2:
            return rw.op("MatMul", _ones(node, size, data, rw, from_left=True), data)
        order = list(range(rank))
        order[axis], order[-1] = rank - 1, axis
        turned = rw.op("Transpose", data, perm=order)
        sums = rw.op("MatMul", turned, _ones(node, size, data, rw))
        return rw.op("Transpose", sums, perm=order)


def _ones(
    node: ir.Node, size: int, data: ir.Value, rw: Rewriter, *, from_left: bool = False
) -> ir.Value:
    """The constant whose column k has ones for the terms of sum k; its row k ``from_left``."""
    exclusive, reverse = (bool(rw.attr_int(node, key, 0)) for key in ("exclusive", "reverse"))
    key = (size, exclusive, reverse != from_left, data.dtype, node.graph)
    if rw.in_function or key not in rw.memory:
        ones = np.triu(np.ones((size, size)), int(exclusive))
        assert data.dtype is not None
        array = ones.T if reverse != from_left else ones
        rw.memory[key] = rw.const(np.ascontiguousarray(array), data.dtype)
    value: ir.Value = rw.memory[key]
    return value

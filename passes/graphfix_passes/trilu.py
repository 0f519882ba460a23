"""The ``trilu`` pass: triangles of matrices."""

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from graphfix.contract import EQUAL
from graphfix.rewrite import RewritePass, Rewriter, Skip
from graphfix_passes._known import fixed

_CHOSEN = frozenset({
    ir.DataType.FLOAT16, ir.DataType.FLOAT, ir.DataType.DOUBLE, ir.DataType.INT32,
    ir.DataType.UINT8,
})  # fmt: skip
"""Where takes them, in onnxruntime; on the AI Core all but double."""


@dataclass(frozen=True, kw_only=True)
class Trilu(RewritePass):
    """Replace a Trilu by a choice between its input and 0 by a constant mask.

    Why
        Trilu, of which ATC makes Tril and Triu, had kernels for the AI CPU alone in 2022, and its
        plugin for CANN 5.1 and 6.0 refuses a diagonal.

    Rewrites
        1. Trilu with a constant diagonal, upper or lower, of matrices of known size: Where for
           floats, int32 and uint8, so that infinity and NaN outside of the triangle become 0; And
           for bool; Mul for int64, which Where takes on the AI CPU only. Equal masks are one.
        2. Trilu of a constant into a constant.

    Leaves alone
        Sizes that are not known, or above ``longest``. A diagonal that is computed. Types that are
        not known, and short or unsigned integers, for which onnxruntime has no such operators.

    Numerics
        Exact by what ONNX says; Where of onnxruntime up to 1.23 loses the sign of a zero.
    """

    name = "trilu"
    match_ops = ("Trilu",)
    contract = EQUAL
    must_match = False
    reads_shapes = True

    longest: int = 4096
    """The largest number of rows or columns."""

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip:
        """Mask the input by its kind."""
        data, upper = node.inputs[0], bool(rw.attr_int(node, "upper", 1))
        diagonal = fixed(rw.input(node, 1), rw) if rw.has_input(node, 1) else 0
        if data is None or diagonal is None:
            return rw.skip("its diagonal is computed")
        sizes = (rw.dims(data) or ())[-2:]
        if len(sizes) < 2 or None in sizes:
            return rw.skip("the size of its matrices is not known")
        rows, columns = (size or 0 for size in sizes)
        if max(rows, columns) > self.longest:
            return rw.skip(f"{rows} x {columns} is more than {self.longest}; see trilu{{longest}}")
        triangle = _Triangle(rows, columns, int(diagonal), upper)
        constant = rw.constant(data)
        if constant is not None:
            return rw.const(np.where(triangle.mask(), constant, np.zeros_like(constant)))
        if data.dtype == ir.DataType.INT64:
            return rw.op("Mul", data, triangle.constant(np.int64, node, rw))
        if data.dtype == ir.DataType.BOOL:
            return rw.op("And", data, triangle.constant(np.bool_, node, rw))
        if data.dtype in _CHOSEN:
            mask = triangle.constant(np.bool_, node, rw)
            return rw.op("Where", mask, data, rw.const(0, data.dtype))
        kind = "an unknown type" if data.dtype is None else data.dtype.name.lower()
        return rw.skip(f"onnxruntime has no Where for data of {kind}")


@dataclass(frozen=True)
class _Triangle:
    """Which elements of a matrix stay, as ONNX defines Trilu: those of the diagonal always do."""

    rows: int
    columns: int
    diagonal: int
    upper: bool

    def mask(self) -> np.ndarray:
        """True for elements that stay, shape [rows, columns]."""
        distance = np.arange(self.columns) - np.arange(self.rows)[:, None]
        kept: np.ndarray = distance >= self.diagonal if self.upper else distance <= self.diagonal
        return kept

    def constant(self, dtype: type[np.generic], node: ir.Node, rw: Rewriter) -> ir.Value:
        """The mask as a constant, which all nodes of one graph share."""
        key = (self, dtype, node.graph)
        if rw.in_function or key not in rw.memory:
            rw.memory[key] = rw.const(self.mask().astype(dtype))
        value: ir.Value = rw.memory[key]
        return value

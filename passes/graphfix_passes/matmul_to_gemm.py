"""The ``matmul-to-gemm`` pass: MatMul by a matrix, with the bias behind it, as Gemm."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from graphfix.rewrite import RewritePass, Rewriter, Skip
from graphfix_passes._known import dims, rank

_FLOATS = (ir.DataType.FLOAT16, ir.DataType.FLOAT, ir.DataType.DOUBLE)
_WITHOUT_BIAS_SINCE = 11
_VIEWS = ("Flatten", "Reshape", "Squeeze", "Unsqueeze")
_OLDEST = 7
"""The first Gemm that broadcasts a bias as Add does."""


@dataclass(frozen=True, kw_only=True)
class MatmulToGemm(RewritePass):
    """Replace MatMul by a matrix, and the Add of a bias, by Gemm.

    Why
        A product with one matrix is one kernel with its bias; the batched product that ATC makes of
        a MatMul is another one, and the sum a third.

    Rewrites
        A MatMul whose second input has two dims, together with an Add of one number for each
        column when that is its only reader. Data of more than two dims get a Reshape before and
        behind. Below opset 11, where Gemm wants a bias, it gets one of zeros.

    Leaves alone
        A MatMul whose ranks are not known, or whose first input has one dim. Data of more than two
        dims when two sizes of the result are open, or one is 0. Other types than float16, float
        and double.

    Numerics
        The bias is added before the sum is rounded.
    """

    name = "matmul-to-gemm"
    match_ops = ("Add", "MatMul")
    must_match = False
    reads_shapes = True

    always: bool = True
    """Rewrite, too, where the graph gets no smaller: without a bias, or with Reshapes that stay."""

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip | None:
        """Multiply and add in one node."""
        found = _biased(node, rw)
        if found is None:
            return None
        product, bias = found
        data, matrix = product.inputs
        assert data is not None
        assert matrix is not None
        if bias is None and _ends_in_bias(product, rw):
            return None
        rows = rank(data)
        if rows is None or rank(matrix) is None:
            return rw.skip("a rank is not known")
        if rows < 2 or rank(matrix) != 2:
            return None
        if not self.always and (bias is None or not (rows == 2 or _between_views(node, data, rw))):
            return None
        if data.dtype not in _FLOATS:
            return rw.skip("its type is none of float16, float and double")
        (inner, columns), sizes = rw.dims(matrix) or (None, None), rw.dims(data) or ()
        inner = sizes[-1] if inner is None else inner
        if bias is None and rw.opset < _WITHOUT_BIAS_SINCE:
            if columns is None or rw.opset < _OLDEST:
                return rw.skip("Gemm wants a bias, and the number of columns is not known")
            bias = rw.const(np.zeros(columns, data.dtype.numpy()))
        if rows == 2:
            return rw.op("Gemm", data, matrix, *([] if bias is None else [bias]))
        shape = [*sizes[:-1], columns]
        if shape.count(None) > 1 or inner is None or 0 in (*shape, inner):
            return rw.skip("two sizes are open, or there are no elements")
        flat = rw.op("Reshape", data, rw.const([-1, inner]))
        result = rw.op("Gemm", flat, matrix, *([] if bias is None else [bias]))
        return rw.op("Reshape", result, rw.const([-1 if n is None else n for n in shape]))


def _biased(node: ir.Node, rw: Rewriter) -> tuple[ir.Node, ir.Value | None] | None:
    """The MatMul that ``node`` is or adds a bias to, and that bias."""
    if node.op_type == "MatMul":
        return node, None
    for value, bias in _both(node.inputs):
        product = rw.producer(value, "MatMul")
        if product is None or value is None or rw.only_reader(value) is not node:
            continue
        columns = (dims(product.inputs[1]) or (None,))[-1]
        if rw.opset >= _OLDEST and columns is not None and dims(bias) == (columns,):
            return product, bias
    return None


def _ends_in_bias(product: ir.Node, rw: Rewriter) -> bool:
    """Whether the one reader of a MatMul adds a bias, and is the end."""
    reader = rw.only_reader(product.outputs[0], "Add")
    return reader is not None and _biased(reader, rw) is not None


def _between_views(end: ir.Node, data: ir.Value, rw: Rewriter) -> bool:
    """Whether the Reshapes before and behind would merge with what is there."""
    if rw.producer(data, *_VIEWS) is None or rw.only_reader(data) is None:
        return False
    return rw.only_reader(end.outputs[0], *_VIEWS) is not None


def _both(
    pair: Sequence[ir.Value | None],
) -> tuple[tuple[ir.Value | None, ir.Value | None], ...]:
    left, right = pair
    return ((left, right), (right, left))

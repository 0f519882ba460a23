"""The ``gemm-to-matmul`` pass: Gemm as MatMul and what it needs."""

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from graphfix.rewrite import RewritePass, Rewriter, Skip

_BROADCASTS_SINCE = 7


@dataclass(frozen=True, kw_only=True)
class GemmToMatmul(RewritePass):
    """Replace Gemm by MatMul, with Transpose, Mul and Add as needed.

    Why
        Passes and fusions that look for MatMul and Add do not see a Gemm, and ATC takes it apart
        into a product, two multiplications and a sum in any case.

    Rewrites
        ``transA`` and ``transB`` become Transposes, or a constant that is turned; ``alpha`` and
        ``beta`` become Muls where they are not 1; the third input is added.

    Leaves alone
        ``beta=0`` with a third input that is computed, whose infinities nobody knows. ``alpha`` or
        ``beta`` of integers, or of an unknown type. Opsets below 7, where Gemm broadcasts in
        another way.

    Numerics
        The sum is rounded before the third input is added.
    """

    name = "gemm-to-matmul"
    match_ops = ("Gemm",)
    must_match = False
    reads_shapes = True

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip:
        """Build the product and what is added."""
        added = rw.input(node, 2)
        alpha, beta = (rw.attr_float(node, name, 1.0) for name in ("alpha", "beta"))
        if rw.opset < _BROADCASTS_SINCE:
            return rw.skip(f"Gemm broadcasts in another way in opset {rw.opset}")
        if added is not None and beta == 0:
            array = rw.constant(added)
            if array is None or not np.isfinite(array).all():
                return rw.skip("beta is 0, and its third input may be infinite")
            added = None
        dtype = next((each.dtype for each in node.inputs if each is not None and each.dtype), None)
        if (alpha != 1 or (added is not None and beta != 1)) and (
            dtype is None or not dtype.is_floating_point()
        ):
            return rw.skip("alpha or beta is not 1, and its type is not known to be a float")
        left, right = (
            _turned(node.inputs[port], rw) if rw.attr_int(node, name, 0) else node.inputs[port]
            for port, name in enumerate(("transA", "transB"))
        )
        result = _scaled(rw.op("MatMul", left, right), alpha, dtype, rw)
        return result if added is None else rw.op("Add", result, _scaled(added, beta, dtype, rw))


def _turned(value: ir.Value | None, rw: Rewriter) -> ir.Value:
    array = rw.constant(value)
    if array is not None:
        return rw.const(np.ascontiguousarray(array.T))
    return rw.op("Transpose", value, perm=[1, 0])


def _scaled(value: ir.Value, factor: float, dtype: ir.DataType | None, rw: Rewriter) -> ir.Value:
    if factor == 1 or dtype is None:
        return value
    return rw.op("Mul", value, rw.const(np.array(factor).astype(dtype.numpy())))

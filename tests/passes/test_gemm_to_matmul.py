"""The gemm-to-matmul pass on random products."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix_passes.gemm_to_matmul import GemmToMatmul
from tests.passes.random_graphs import Grower, hold


def products(grow: Grower) -> Sequence[ir.Value]:
    m, k, n = (grow.number(1, 3) for _ in range(3))
    trans_a, trans_b = grow.number(0, 1), grow.number(0, 1)
    data = grow.unary(grow.input((k, m) if trans_a else (m, k)))
    shape = (n, k) if trans_b else (k, n)
    weights = grow.const(np.linspace(-1, 2, n * k).reshape(shape))
    added = grow.one_of((n,), (1, n), (m, n), (m, 1), (), None)
    if added is None and grow.opset < 11:
        added = (n,)
    given = [data, weights]
    if added is not None:
        given.append(grow.const(np.full(added, 0.5)))
    factors = {name: grow.one_of(1.0, 0.5, 0.0) for name in ("alpha", "beta") if grow.chance(30)}
    return [grow.op("Gemm", *given, transA=trans_a, transB=trans_b, **dict(factors))]


def test_whatever_is_multiplied() -> None:
    hold(GemmToMatmul(), products, opsets=(9, 11, 13, 21), examples=30, least=0.5)

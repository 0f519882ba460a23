"""The matmul-to-gemm pass on random layers."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix_passes.matmul_to_gemm import MatmulToGemm
from tests.passes.random_graphs import Grower, hold


def layers(grow: Grower) -> Sequence[ir.Value]:
    k, n = grow.number(1, 3), grow.number(1, 3)
    data = grow.unary(grow.input((*grow.shape(max_rank=3), k)))
    weights = grow.const(np.linspace(-1, 2, n * k).reshape(k, n))
    value = grow.maybe_shared(grow.op("MatMul", data, weights))
    if grow.chance(70):
        bias = grow.const(np.full(grow.one_of((n,), (n,), (1,), (1, n), (2, 1, n)), 0.5))
        value = grow.op("Add", *((value, bias) if grow.chance(50) else (bias, value)))
    return [value]


def test_whatever_is_multiplied() -> None:
    hold(MatmulToGemm(), layers, opsets=(9, 11, 13, 21), examples=40, least=0.3)

"""The bias-fold pass on random constants behind random weights."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix_passes.bias_fold import BiasFold
from tests.passes.random_graphs import Grower, hold


def biased(grow: Grower) -> Sequence[ir.Value]:
    kind = grow.one_of("Conv", "ConvTranspose", "Gemm", "MatMul")
    group = grow.one_of(1, 2)
    outer = (2,) if kind == "MatMul" and grow.chance(30) else ()
    x = grow.input((2, 4, 3) if kind.startswith("Conv") else (*outer, 3, 4))
    bias = [grow.const(_numbers(grow, 6))] if grow.chance(50) else []
    if kind == "MatMul":
        value = grow.op("MatMul", x, _constant(grow, _numbers(grow, 4, 6)))
    elif kind == "Gemm":
        zero = [grow.const(np.zeros(6))] if grow.opset < 11 else []
        weights = _constant(grow, _numbers(grow, 4, 6))
        value = grow.op("Gemm", x, weights, *(bias or zero), beta=grow.one_of(1.0, 2.0))
    else:
        shape = (6, 4 // group, 2) if kind == "Conv" else (4, 6 // group, 2)
        value = grow.op(kind, x, _constant(grow, _numbers(grow, *shape)), *bias, group=group)
    last = (1,) if kind.startswith("Conv") else ()
    good = ((6, *last), (1, 6, *last), (1, *last), ())
    forms = good if grow.chance(70) else ((1, 1, 1), (3, 1), (2, 1, 6, *last))
    for _ in range(grow.number(1, 2)):
        number = grow.const(_numbers(grow, *grow.one_of(*forms)))
        pair = (grow.maybe_shared(value), number)
        value = grow.op(grow.one_of("Add", "Add", "Sub"), *grow.one_of(pair, pair[::-1]))
    return [value]


def _constant(grow: Grower, array: np.ndarray) -> ir.Value:
    """One that always is, as a rewrite needs several at once."""
    return grow.op("Constant", value=ir.tensor(array.astype(np.float32)))


def _numbers(grow: Grower, *shape: int) -> np.ndarray:
    return np.random.default_rng(grow.number(0, 99)).normal(size=shape)


def test_whatever_is_added_behind_weights() -> None:
    hold(BiasFold(), biased, examples=50, least=0.25)

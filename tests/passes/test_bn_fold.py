"""The bn-fold pass on random operators with weights around a BatchNormalization."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix_passes.bn_fold import BnFold
from tests.passes.random_graphs import Grower, hold


def normalized(grow: Grower) -> Sequence[ir.Value]:
    kind = grow.one_of("Conv", "ConvTranspose", "Gemm", "MatMul", "turned")
    group = grow.one_of(1, 2)
    if kind == "turned":
        value, channels = grow.input((2, 3, 2)), 2
        if grow.chance(60):
            value, channels = grow.op("MatMul", value, _constant(grow, _numbers(grow, 2, 4))), 4
        if grow.chance(40):
            value = grow.op("Add", value, grow.const(_numbers(grow, channels)))
        turned = grow.op("Transpose", grow.maybe_shared(value), perm=(0, 2, 1))
        made = _batch_normalization(grow, turned, channels)
        return [
            grow.op("Transpose", made, perm=grow.one_of((0, 2, 1), (0, 2, 1), (0, 2, 1), (1, 2, 0)))
        ]
    x = grow.input((2, 4, 3) if kind.startswith("Conv") else (2, 4))
    if kind != "ConvTranspose" and grow.chance(40):
        return [_weighted(grow, kind, _batch_normalization(grow, x, 4), group)]
    value = grow.maybe_shared(_weighted(grow, kind, x, group))
    if grow.chance(30):
        number = grow.const(grow.one_of(0.5, -1.0))
        value = grow.op("Add", *grow.one_of((value, number), (number, value)))
    return [_batch_normalization(grow, value, 6)]


def _weighted(grow: Grower, kind: str, x: ir.Value, group: int) -> ir.Value:
    bias = [grow.const(_numbers(grow, 6))] if grow.chance(50) else []
    if kind == "MatMul":
        return grow.op("MatMul", x, _constant(grow, _numbers(grow, 4, 6)))
    if kind == "Gemm":
        turned = grow.number(0, 1)
        weights = _constant(grow, _numbers(grow, *((6, 4) if turned else (4, 6))))
        beta = grow.one_of(1.0, 2.0)
        zero = [grow.const(np.zeros(6))] if grow.opset < 11 else []
        return grow.op("Gemm", x, weights, *(bias or zero), transB=turned, beta=beta, alpha=0.5)
    shape = (6, 4 // group, 2) if kind == "Conv" else (4, 6 // group, 2)
    pads = grow.one_of((0, 0), (1, 0))
    weights = _constant(grow, _numbers(grow, *shape))
    return grow.op(kind, x, weights, *bias, group=group, pads=pads, kernel_shape=(2,))


def _batch_normalization(grow: Grower, x: ir.Value, channels: int) -> ir.Value:
    scale = grow.const(_numbers(grow, channels))
    shift, mean, spread = (_numbers(grow, channels) for _ in range(3))
    rest = [_constant(grow, array) for array in (shift, mean, abs(spread) + 0.5)]
    return grow.op("BatchNormalization", x, scale, *rest, epsilon=grow.one_of(1e-5, 0.1))


def _constant(grow: Grower, array: np.ndarray) -> ir.Value:
    """One that always is, as a rewrite needs several at once."""
    return grow.op("Constant", value=ir.tensor(array.astype(np.float32)))


def _numbers(grow: Grower, *shape: int) -> np.ndarray:
    return np.random.default_rng(grow.number(0, 99)).normal(size=shape)


def test_whatever_stands_beside_a_batch_normalization() -> None:
    hold(BnFold(), normalized, examples=40, least=0.25)

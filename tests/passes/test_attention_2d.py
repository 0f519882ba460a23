"""The attention-2d pass on random layers."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix_passes.attention_2d import Attention2d
from tests.passes.random_graphs import Grower, hold


def layers(grow: Grower) -> Sequence[ir.Value]:
    sizes = grow.shape(min_rank=3, max_rank=3)
    value = first = grow.input(sizes)
    for _ in range(grow.number(1, 4)):
        value = grow.maybe_shared(_layer(grow, value, sizes[-1]))
        if grow.chance(30):
            value = grow.op("Add", value, first)
        if grow.chance(30):
            value = _heads(grow, value, sizes)
    return [value]


def _layer(grow: Grower, value: ir.Value, width: int) -> ir.Value:
    kind = grow.one_of("MatMul", "MatMul", "bias", "activation", "centred", "norm")
    if kind == "MatMul":
        weights = np.linspace(-1, 2, width * width).reshape(width, width)
        return grow.op("MatMul", value, grow.const(weights))
    if kind == "bias":
        shape = grow.one_of((width,), (1, 1, width), (1, width), (1,), ())
        added = grow.const(np.full(shape, 0.5))
        return grow.op("Add", *((value, added) if grow.chance(50) else (added, value)))
    if kind == "activation":
        return grow.op(grow.one_of("Relu", "Erf", "Sigmoid"), value)
    axis = grow.one_of(-1, 2) if grow.opset >= 11 else 2
    if kind == "norm" and grow.opset >= 17:
        return grow.op("LayerNormalization", value, grow.const(np.full(width, 2.0)), axis=axis)
    mean = grow.with_ints("ReduceMean", value, since=18, axes=(axis,))
    return grow.op("Sub", value, mean)


def _heads(grow: Grower, value: ir.Value, sizes: Sequence[int]) -> ir.Value:
    apart = grow.one_of((0, 0, 1, sizes[-1]), (*sizes[:2], -1, 1), (0, -1, 1, sizes[-1]))
    split = grow.op("Reshape", value, grow.const(apart, np.int64))
    turned = grow.unary(split)
    return grow.op("Reshape", turned, grow.const(sizes, np.int64))


def test_whatever_the_layers() -> None:
    hold(Attention2d(), layers, examples=50, least=0.2)

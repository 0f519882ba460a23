"""The layernorm pass on random graphs, both ways."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix_passes._restoring import Mode
from graphfix_passes.layernorm import Layernorm
from tests.passes.random_graphs import Grower, hold


def whole(grow: Grower) -> Sequence[ir.Value]:
    dtype = grow.one_of(np.float32, np.float16)
    shape = (*grow.shape(max_rank=2), grow.number(2, 4))
    axis = grow.number(-len(shape), len(shape) - 1)
    scale = [grow.const(np.linspace(-1, 2, np.prod(shape[axis:])).reshape(shape[axis:]), dtype)]
    data = grow.unary(grow.input(shape, dtype))
    if grow.chance(70):
        scale.append(grow.const(np.ones(shape[axis:]), dtype))
    outputs = 1 if dtype is np.float16 else grow.one_of(1, 1, 2, 3)
    made = grow.ops("LayerNormalization", data, *scale, outputs=outputs, axis=axis, epsilon=0.01)
    return list(made)


def parts(grow: Grower) -> Sequence[ir.Value]:
    shape = (*grow.shape(max_rank=2), grow.number(2, 4))
    rank, count = len(shape), grow.number(1, len(shape))
    axes = [grow.one_of(axis, axis - rank) for axis in range(rank)][-count:]
    if grow.chance(10):
        axes = [0]
    data = grow.unary(grow.input(shape))
    mean = grow.maybe_shared(grow.with_ints("ReduceMean", data, since=18, axes=axes))
    centred = grow.op("Sub", data, mean)
    square = grow.op("Mul", centred, centred)
    variance = grow.with_ints("ReduceMean", square, since=18, axes=axes)
    root = grow.op("Sqrt", grow.op("Add", variance, grow.const(0.01)))
    value = grow.maybe_shared(grow.op("Div", centred, root))
    for op_type in ("Mul", "Add")[: grow.number(0, 2)]:
        of = grow.one_of(shape[-count:], shape[-count:], (1,) * rank)
        other = grow.const(np.linspace(-1, 2, int(np.prod(of))).reshape(of))
        value = grow.op(op_type, *((value, other) if grow.chance(50) else (other, value)))
    return [value]


def test_whatever_is_taken_apart() -> None:
    hold(Layernorm(), whole, opsets=(17, 18, 21), examples=30, least=0.5)


def test_whatever_is_put_together() -> None:
    hold(Layernorm(mode=Mode.RESTORE), parts, opsets=(13, 17, 18), examples=40, least=0.15)

"""The unbind pass on random axes, of a Reshape and a Transpose or not."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix_passes.unbind import Unbind
from tests.passes.random_graphs import Grower, hold


def apart(grow: Grower) -> Sequence[ir.Value]:
    shape = tuple(size + 1 for size in grow.shape(min_rank=1, max_rank=3))
    axis, count = grow.number(0, len(shape) - 1), grow.number(2, 3)
    merged = list(shape)
    merged[grow.one_of(axis, axis, axis, 0)] *= count
    shape = (*shape[:axis], count, *shape[axis:])
    data = grow.op("Reshape", grow.input(merged), grow.const(shape, np.int64))
    if grow.chance(60):
        order = grow.permutation(len(shape))
        data = grow.op("Transpose", data, perm=order)
        axis = order.index(axis)
    along = axis - (grow.one_of(0, len(shape)) if grow.opset >= 11 else 0)
    if grow.opset < 18:
        parts = grow.ops("Split", data, outputs=count, axis=along)
    else:
        sizes = grow.const([1] * count, np.int64)
        parts = grow.ops("Split", data, sizes, outputs=count, axis=along)
    return [
        grow.with_ints("Squeeze", part, since=13, axes=[along]) if grow.chance(98) else part
        for part in parts
    ]


def test_whatever_is_taken_apart() -> None:
    hold(Unbind(), apart, examples=25, least=0.15)

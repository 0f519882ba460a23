"""The qkv-split pass on random products that are taken apart."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix_passes.qkv_split import Mode, QkvSplit
from tests.passes.random_graphs import Grower, hold


def attention(grow: Grower) -> Sequence[ir.Value]:
    batch, tokens, heads, width, k = (grow.number(1, 3) for _ in range(5))
    count = grow.number(2, 3)
    tail = [(count, heads, width), (heads, count, width)][grow.number(0, 1)]
    x = grow.input((batch, tokens, k))
    columns = count * heads * width
    weights = np.linspace(-2, 3, k * columns).reshape(k, columns)
    value = grow.op("MatMul", x, grow.const(weights))
    if grow.chance(60):
        bias = grow.const(np.arange(grow.one_of(columns, 1)))
        value = grow.op("Add", *((value, bias) if grow.chance(50) else (bias, value)))
    axis = 2
    if grow.chance(70):
        sizes = (grow.one_of(0, -1, batch), tokens, *tail)
        value = grow.op("Reshape", value, grow.const(sizes, np.int64))
        order = grow.permutation(5) if grow.chance(50) else (0, 1, 2, 3, 4)
        value = grow.op("Transpose", value, perm=order) if order != (0, 1, 2, 3, 4) else value
        axis = order.index(2 if tail[0] == count else 3)
        return _parts(grow, grow.maybe_shared(value), axis, [1] * count)
    return _parts(grow, value, axis, [heads * width] * count)


def _parts(grow: Grower, value: ir.Value, axis: int, sizes: Sequence[int]) -> Sequence[ir.Value]:
    ends = np.cumsum(sizes).tolist()
    kind = grow.one_of("Split", "Gather", "Slice")
    if kind == "Gather" and set(sizes) == {1}:
        indices = [
            grow.const(place - grow.one_of(0, ends[-1]), np.int64) for place in range(len(sizes))
        ]
        return [grow.op("Gather", value, index, axis=axis) for index in indices]
    if kind == "Slice":
        return [
            grow.with_ints(
                "Slice", value, since=10, starts=(end - size,), ends=(end,), axes=(axis,)
            )
            for size, end in zip(sizes, ends, strict=True)
        ]
    if grow.opset >= 13:
        given = grow.const(sizes, np.int64)
        return list(grow.ops("Split", value, given, outputs=len(sizes), axis=axis))
    return list(grow.ops("Split", value, outputs=len(sizes), axis=axis, split=tuple(sizes)))


def beside(grow: Grower) -> Sequence[ir.Value]:
    x = grow.input((*grow.shape(max_rank=2), 2))
    results = []
    for _ in range(grow.number(2, 3)):
        columns = grow.number(1, 3)
        value = grow.op("MatMul", x, grow.const(np.linspace(-2, 3, 2 * columns).reshape(2, -1)))
        if grow.chance(70):
            value = grow.op("Add", value, grow.const(np.arange(columns)))
        results.append(grow.maybe_shared(value))
    return results


def test_whatever_is_taken_apart() -> None:
    hold(QkvSplit(), attention, examples=50, least=0.2)


def test_whatever_stands_side_by_side() -> None:
    hold(QkvSplit(mode=Mode.MERGE), beside, examples=30, least=0.2)

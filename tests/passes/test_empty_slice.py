"""The empty-slice pass on random Slices and Splits, some of them empty, and what joins them."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix_passes.empty_slice import EmptySlice
from tests.passes.random_graphs import Grower, hold

_LARGEST, _LEAST = np.iinfo(np.int64).max, np.iinfo(np.int64).min


def pieces(grow: Grower) -> Sequence[ir.Value]:
    shape = grow.shape(min_rank=1, max_rank=3)
    axis = grow.number(0, len(shape) - 1)
    data = grow.input(shape, grow.one_of(np.float32, np.float16, np.int64))
    found = [data]
    for _ in range(grow.number(1, 3)):
        ints = {
            "starts": [grow.one_of(0, 1, shape[axis], -1, _LARGEST, -9)],
            "ends": [grow.one_of(0, 1, shape[axis], -1, _LARGEST, _LEAST)],
            "axes": [grow.one_of(axis, axis - len(shape))],
        }
        if grow.opset >= 10 and grow.chance(20):
            ints["steps"] = [grow.one_of(1, 2, -1)]
        found.append(grow.maybe_shared(grow.with_ints("Slice", data, since=10, **ints)))
    if grow.chance(40):
        found += _split(grow, data, shape[axis], axis)
    joined = [grow.one_of(*found) for _ in range(grow.number(1, 4))]
    return [grow.op("Concat", *joined, axis=axis)]


def _split(grow: Grower, data: ir.Value, size: int, axis: int) -> Sequence[ir.Value]:
    first = grow.number(0, size)
    sizes = [first, 0, size - first]
    if grow.opset < 13:
        return grow.ops("Split", data, outputs=3, axis=axis, split=sizes)
    return grow.ops("Split", data, grow.const(sizes, np.int64), outputs=3, axis=axis)


def test_whatever_is_cut_and_joined() -> None:
    hold(EmptySlice(), pieces, examples=30, least=0.3)

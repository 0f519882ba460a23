"""The slices-to-split pass on random Slices of one tensor."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import onnx_ir as ir

from graphfix_passes.slices_to_split import SlicesToSplit
from tests.passes.random_graphs import Grower, hold

_LARGEST, _LEAST = np.iinfo(np.int64).max, np.iinfo(np.int64).min


def parts(grow: Grower) -> Sequence[ir.Value]:
    shape = tuple(size + 5 for size in grow.shape(min_rank=1, max_rank=3))
    dtype = grow.one_of(np.float32, np.float16, np.int64, np.bool_)
    data = grow.unary(grow.input(shape, dtype)) if dtype is np.float32 else grow.input(shape, dtype)
    results = []
    for axis in {0, grow.number(0, len(shape) - 1)}:
        size = shape[axis]
        inner = {grow.number(2, size - 2) for _ in range(grow.number(1, 2))}
        for start, end in pairwise([0, *sorted(inner), size]):
            ints = {
                "starts": [grow.one_of(start, start, start - size, start or _LEAST)],
                "ends": [grow.one_of(end, end - size if end < size else _LARGEST, end)],
                "axes": [grow.one_of(axis, axis - len(shape))],
            }
            if grow.opset >= 10 and grow.chance(20):
                ints["steps"] = [grow.one_of(1, 1, 2)]
            if not grow.chance(15):
                results.append(grow.with_ints("Slice", data, since=10, **ints))
    return results or [data]


def test_whatever_is_cut() -> None:
    hold(SlicesToSplit(ones=True), parts, least=0.25)

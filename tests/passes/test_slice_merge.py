"""The slice-merge pass on random rows of Slices."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix_passes.slice_merge import SliceMerge
from tests.passes.random_graphs import Grower, hold

_LARGEST, _LEAST = np.iinfo(np.int64).max, np.iinfo(np.int64).min


def rows(grow: Grower) -> Sequence[ir.Value]:
    shape = tuple(size + 4 for size in grow.shape(min_rank=1, max_rank=2))
    value = grow.input(shape)
    for _ in range(grow.number(2, 3)):
        axes = grow.one_of([0], [len(shape) - 1], [-1], list(range(len(shape))))
        ints = {
            "starts": [grow.one_of(0, 1, 2, -1, -3, _LEAST, 7) for _ in axes],
            "ends": [grow.one_of(3, 5, -1, _LARGEST, _LEAST, 0) for _ in axes],
            "axes": axes,
        }
        if grow.opset >= 10 and grow.chance(30):
            ints["steps"] = [grow.one_of(1, 2, -1, -2) for _ in axes]
        value = grow.maybe_shared(grow.with_ints("Slice", value, since=10, **ints))
    return [value]


def test_whatever_is_cut() -> None:
    hold(SliceMerge(), rows, least=0.3)

"""The slice-negative-step pass on random slices."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix_passes.slice_negative_step import SliceNegativeStep
from tests.passes.random_graphs import Grower, hold


def slices(grow: Grower) -> Sequence[ir.Value]:
    shape = grow.shape(min_rank=1, max_rank=3)
    data = grow.unary(grow.input(shape))
    axes = grow.permutation(len(shape))[: grow.number(1, len(shape))]
    limits = [[grow.one_of(0, -1, 2, -3, 9, -9, 2**31 - 1, -(2**31)) for _ in axes] for _ in "se"]
    steps = [grow.one_of(-1, -2, 1, 2, -9) for _ in axes]
    counted = [axis - grow.one_of(0, len(shape)) for axis in axes]
    dtype = grow.one_of(np.int64, np.int32)
    given = [grow.const(each, dtype) for each in (*limits, counted, steps)]
    return [grow.op("Slice", data, *given)]


def test_whatever_is_cut() -> None:
    hold(SliceNegativeStep(), slices, opsets=(11, 13, 18, 21), examples=40, least=0.05)

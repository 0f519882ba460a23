"""The gather-to-split pass on random Gathers, behind a Reshape and a Transpose or not."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix_passes.gather_to_split import GatherToSplit
from tests.passes.random_graphs import Grower, hold


def apart(grow: Grower) -> Sequence[ir.Value]:
    shape = grow.shape(min_rank=1, max_rank=3)
    axis = grow.number(0, len(shape) - 1)
    count = grow.number(2, 4)
    shape = (*shape[:axis], count, *shape[axis:])
    data = _viewed(grow, shape)
    if grow.chance(50):
        order = grow.permutation(len(shape))
        data = grow.maybe_shared(grow.op("Transpose", data, perm=order))
        axis = order.index(axis)
    results = []
    for index in grow.permutation(count):
        if grow.chance(90):
            number = index - grow.one_of(0, 0, count)
            indices = grow.const(grow.one_of(number, number, [number]), np.int64)
            along = axis - grow.one_of(0, len(shape))
            results.append(grow.op("Gather", data, indices, axis=along))
    return results or [data]


def _viewed(grow: Grower, shape: tuple[int, ...]) -> ir.Value:
    """Data of this shape; from an input that has two of its axes in one, or all, perhaps."""
    flat = grow.one_of(*range(len(shape)), None)
    if flat is None:
        return grow.input(shape)
    merged = (*shape[:flat], int(np.prod(shape[flat : flat + 2])), *shape[flat + 2 :])
    wanted = list(shape)
    if grow.chance(50):
        wanted[0] = grow.one_of(0, -1) if wanted[0] == merged[0] else -1
    return grow.maybe_shared(grow.op("Reshape", grow.input(merged), grow.const(wanted, np.int64)))


def test_whatever_is_taken_apart() -> None:
    hold(GatherToSplit(), apart, examples=45, least=0.25)

"""The gather-elements pass on random indices, repeated or not."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix_passes.gather_elements import GatherElements
from tests.passes.random_graphs import Grower, hold


def elements(grow: Grower) -> Sequence[ir.Value]:
    shape = grow.shape(min_rank=1, max_rank=4)
    axis = grow.number(0, len(shape) - 1)
    data = grow.input(shape, grow.one_of(np.float32, np.float16, np.int64), symbolic=False)
    picked = [size if grow.chance(60) else grow.number(1, size) for size in shape]
    picked[axis] = grow.number(1, 4)
    own = [size if grow.chance(50) else 1 for size in picked]
    indices = _indices(grow, own, shape[axis])
    if own != picked:
        indices = grow.op("Expand", indices, grow.const(picked, np.int64))
    along = grow.one_of(axis, axis - len(shape))
    return [grow.op("GatherElements", data, grow.maybe_shared(indices), axis=along)]


def _indices(grow: Grower, shape: Sequence[int], size: int) -> ir.Value:
    """Indices below ``size``: fed, constant, or of a TopK or ArgMax."""
    rng = np.random.default_rng(grow.number(0, 99))
    array = rng.integers(-size, size, shape)
    match grow.one_of("fed", "constant", "top"):
        case "fed":
            return grow.feed(array.astype(grow.one_of(np.int64, np.int32)))
        case "constant":
            return grow.const(array, np.int64)
        case _:
            scores = grow.input((*shape, size), symbolic=False)
            return grow.op("ArgMax", scores, axis=len(shape), keepdims=0)


def test_whatever_is_gathered() -> None:
    hold(GatherElements(), elements, opsets=(11, 13, 17, 21), examples=30, least=0.3)

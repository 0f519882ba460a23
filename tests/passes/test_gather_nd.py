"""The gather-nd pass on random batches."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix_passes.gather_nd import GatherNd
from tests.passes.random_graphs import Grower, hold


def batches(grow: Grower) -> Sequence[ir.Value]:
    shape = grow.shape(min_rank=2, max_rank=4)
    batch = grow.number(1, len(shape) - 1)
    depth = grow.number(1, len(shape) - batch)
    places = (*shape[:batch], *grow.shape(max_rank=2))
    rng = np.random.default_rng(grow.number(0, 99))
    limits = np.array(shape[batch : batch + depth])
    indices = rng.integers(-limits, limits, (*places, depth))
    data = grow.input(shape, grow.one_of(np.float32, np.int64))
    given = grow.const(indices, np.int64) if grow.chance(50) else grow.feed(indices)
    return [grow.op("GatherND", data, given, batch_dims=batch)]


def test_whatever_is_batched() -> None:
    hold(GatherNd(), batches, opsets=(12, 13, 17, 21), examples=30, least=0.2)

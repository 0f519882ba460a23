"""The prelu-slope pass on random inputs and slopes."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix_passes.prelu_slope import PreluSlope
from tests.passes.random_graphs import Grower, hold


def slopes(grow: Grower) -> Sequence[ir.Value]:
    shape = grow.shape(min_rank=1)
    dtype = grow.one_of(np.float32, np.float16)
    value = grow.unary(grow.input(shape, dtype))
    if grow.chance(20):
        value = grow.feed(np.array([np.nan, np.inf, -np.inf, -0.0]).astype(dtype))
        shape = (4,)
    if grow.chance(50):
        channels = [size if k == 1 else 1 for k, size in enumerate(shape)]
        sizes = channels[grow.number(0, min(1, len(shape) - 1)) :]
    else:
        sizes = [grow.one_of(size, 1) for size in shape[grow.number(0, len(shape) - 1) :]]
    numbers = np.resize([0.25, -1.0, 0.0, 3.0, 0.5], sizes)
    return [grow.op("PRelu", value, grow.maybe_shared(grow.const(numbers, dtype)))]


def test_whatever_slopes() -> None:
    hold(PreluSlope(), slopes, examples=100, least=0.3)

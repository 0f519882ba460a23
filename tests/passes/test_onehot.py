"""The onehot pass on random axes."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix_passes.onehot import Onehot
from tests.passes.random_graphs import Grower, hold


def choices(grow: Grower) -> Sequence[ir.Value]:
    shape = grow.shape(max_rank=3)
    indices = grow.input(shape, np.int64)
    axis = grow.number(-len(shape) - 1, len(shape))
    depth = grow.const(grow.one_of(3, [3]), np.int64)
    return [grow.op("OneHot", indices, depth, grow.const([0, 2]), axis=axis)]


def test_whatever_axis_is_new() -> None:
    hold(Onehot(), choices, opsets=(9, 11, 13, 18, 21), examples=40, least=0.1)

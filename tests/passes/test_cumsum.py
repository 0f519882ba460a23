"""The cumsum pass on random sums."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix_passes.cumsum import Cumsum
from tests.passes.random_graphs import Grower, hold


def sums(grow: Grower) -> Sequence[ir.Value]:
    shape = grow.shape(min_rank=1, max_rank=4)
    data = grow.input(shape, grow.one_of(np.float32, np.float32, np.float16, np.int64))
    results = []
    for _ in range(grow.number(1, 3)):
        axis = grow.number(-len(shape), len(shape) - 1)
        given = grow.const(grow.one_of(axis, [axis]), grow.one_of(np.int64, np.int32))
        flags = {"exclusive": grow.number(0, 1), "reverse": grow.number(0, 1)}
        results.append(grow.op("CumSum", data, given, **flags))
    return results


def test_whatever_is_summed() -> None:
    hold(Cumsum(), sums, opsets=(11, 13, 17, 21), examples=40, least=0.3)

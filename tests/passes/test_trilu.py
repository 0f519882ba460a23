"""The trilu pass on random triangles."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix_passes.trilu import Trilu
from tests.passes.random_graphs import Grower, hold


def triangles(grow: Grower) -> Sequence[ir.Value]:
    dtype = grow.one_of(np.float32, np.float16, np.float64, np.int32, np.int64, np.bool_)
    data = grow.input(grow.shape(min_rank=2, max_rank=4), dtype)
    if dtype is np.float32:  # infinity and NaN, too
        data = grow.op(grow.one_of("Reciprocal", "Log", "Identity"), data)
    results = []
    for _ in range(grow.number(1, 3)):
        inputs = [data]
        if grow.chance(60):
            number = grow.number(-4, 4)
            inputs.append(grow.const(grow.one_of(number, [number]), np.int64))
        results.append(grow.op("Trilu", *inputs, upper=grow.number(0, 1)))
    return results


def test_whatever_triangle_is_kept() -> None:
    hold(Trilu(), triangles, opsets=(14, 17, 18, 21), examples=50, least=0.3)

"""The isinf pass on random attributes."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix_passes.isinf import Isinf
from tests.passes.random_graphs import Grower, hold


def infinities(grow: Grower) -> Sequence[ir.Value]:
    data = grow.feed(np.array([np.inf, -np.inf, np.nan, 1], grow.one_of(np.float32, np.float64)))
    sides = {name: grow.number(0, 1) for name in ("detect_negative", "detect_positive")}
    return [grow.op("IsInf", grow.unary(data), **dict(sides))]


def test_whatever_is_looked_for() -> None:
    hold(Isinf(), infinities, opsets=(10, 11, 13, 18, 21), examples=40, least=0.3)

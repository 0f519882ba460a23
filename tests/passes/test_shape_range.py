"""The shape-range pass on random ranges."""

from collections.abc import Sequence

import onnx_ir as ir

from graphfix_passes.shape_range import ShapeRange
from tests.passes.random_graphs import Grower, hold


def ranges(grow: Grower) -> Sequence[ir.Value]:
    data = grow.unary(grow.input(grow.shape()))
    given = {name: grow.number(-5, 5) for name in ("start", "end") if grow.chance(60)}
    return [grow.op("Shape", data, **dict(given))]


def test_whatever_is_asked_for() -> None:
    hold(ShapeRange(), ranges, opsets=(15, 19, 21), examples=40, least=0.4)

"""The eye-like pass on random diagonals."""

from collections.abc import Sequence

import onnx_ir as ir

from graphfix_passes.eye_like import EyeLike
from tests.passes.random_graphs import Grower, hold


def diagonals(grow: Grower) -> Sequence[ir.Value]:
    data = grow.unary(grow.input(grow.shape(min_rank=2, max_rank=2)))
    if grow.chance(50):
        data = grow.op("Cast", data, to=grow.one_of(6, 7, 11))
    attributes = {"k": grow.number(-5, 5)} if grow.chance(80) else {}
    if grow.chance(50):
        attributes["dtype"] = grow.one_of(1, 7, 11)
    return [grow.op("EyeLike", grow.maybe_shared(data), **attributes)]


def test_whatever_diagonal_has_ones() -> None:
    hold(EyeLike(), diagonals, examples=30, least=0.5)

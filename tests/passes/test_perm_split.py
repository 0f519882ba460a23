"""The perm-split pass on random products of what is transposed."""

from collections.abc import Sequence

import onnx_ir as ir

from graphfix_passes.perm_split import PermSplit
from tests.passes.random_graphs import Grower, hold


def scores(grow: Grower) -> Sequence[ir.Value]:
    heads, tokens, width = (grow.number(1, 3) for _ in range(3))
    x = grow.input((1, tokens, heads, width))
    left = grow.op("Transpose", x, perm=grow.one_of((0, 2, 1, 3), (0, 2, 1, 3), (0, 2, 3, 1)))
    right = grow.op("Transpose", x, perm=grow.one_of((0, 2, 3, 1), (0, 2, 3, 1), (0, 2, 1, 3)))
    factors = [grow.maybe_shared(_scaled(grow, value)) for value in (left, right)]
    return [grow.op("MatMul", *factors)]


def _scaled(grow: Grower, value: ir.Value) -> ir.Value:
    for _ in range(grow.number(0, 2)):
        value = grow.op(grow.one_of("Mul", "Div", "Add"), value, grow.const(2.0))
    return value


def test_whatever_is_multiplied() -> None:
    hold(PermSplit(), scores, examples=40, least=0.2)

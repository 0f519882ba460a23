"""The transpose-merge pass on random rows of Transposes."""

from collections.abc import Sequence

import onnx_ir as ir

from graphfix.rewrite.rewriter import AttrValue
from graphfix_passes.transpose_merge import TransposeMerge
from tests.passes.random_graphs import Grower, hold


def rows(grow: Grower) -> Sequence[ir.Value]:
    shape = grow.shape(min_rank=1)
    value = grow.input(shape)
    for _ in range(grow.number(2, 4)):
        order: dict[str, AttrValue] = {"perm": grow.permutation(len(shape))}
        given = order if grow.chance(70) else {}
        value = grow.maybe_shared(grow.op("Transpose", value, **given))
        value = grow.unary(value) if grow.chance(20) else value
    return [value]


def test_whatever_is_transposed() -> None:
    hold(TransposeMerge(), rows, least=0.5)

"""The concat-merge pass on random trees of Concats."""

from collections.abc import Sequence

import onnx_ir as ir

from graphfix_passes.concat_merge import ConcatMerge
from tests.passes.random_graphs import Grower, hold


def trees(grow: Grower) -> Sequence[ir.Value]:
    rank = grow.number(1, 3)
    values = [grow.input((2,) * rank, symbolic=False)]
    first = grow.one_of(0, 0, rank - 1)
    for _ in range(grow.number(2, 4)):
        axis = grow.one_of(first, first, first - rank, 0) if grow.opset >= 11 else first
        parts = [values[-1], *[grow.one_of(*values) for _ in range(grow.number(0, 2))]]
        values.append(grow.op("Concat", *parts, axis=axis))
    return [values[-1]]


def test_whatever_is_concatenated() -> None:
    hold(ConcatMerge(), trees, least=0.3)

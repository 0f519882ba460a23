"""The pool-indices pass on random pools."""

from collections.abc import Sequence

import onnx_ir as ir

from graphfix.rewrite.rewriter import AttrValue
from graphfix_passes.pool_indices import PoolIndices
from tests.passes.random_graphs import Grower, hold


def pools(grow: Grower) -> Sequence[ir.Value]:
    x = grow.unary(grow.input((1, 2, 4, 4)))
    attributes: dict[str, AttrValue] = {"kernel_shape": [2, 2]}
    if grow.chance(40):
        attributes["storage_order"] = grow.number(0, 1)
    if grow.chance(20):
        return [grow.op("MaxPool", x, **attributes)]
    maxima, indices = grow.ops("MaxPool", x, outputs=2, **attributes)
    return [maxima, grow.maybe_shared(indices)] if grow.chance(20) else [maxima]


def test_whatever_reads_indices() -> None:
    hold(PoolIndices(), pools, examples=30, least=0.2)

"""The hardswish pass on random graphs, both ways."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix_passes._restoring import Mode
from graphfix_passes.hardswish import Hardswish
from tests.passes.random_graphs import Grower, hold


def whole(grow: Grower) -> Sequence[ir.Value]:
    data = grow.unary(grow.input(grow.shape(), grow.one_of(np.float32, np.float16)))
    return [grow.op("HardSwish", data)]


def parts(grow: Grower) -> Sequence[ir.Value]:
    data = grow.unary(grow.input(grow.shape(min_rank=1)))
    if grow.chance(50):
        return [_product(grow, [data, grow.op("HardSigmoid", data, alpha=1 / 6, beta=0.5)])]
    number = grow.one_of(6.0, 6.0, 3.0)
    shifted = grow.op("Add", data, grow.const(grow.one_of(3.0, [3.0])))
    gate = grow.op("Clip", shifted, grow.const(0.0), grow.const(6.0))
    if grow.chance(50):
        return [grow.op("Div", _product(grow, [data, gate]), grow.const(number))]
    return [_product(grow, [data, gate, grow.const(1 / number)])]


def _product(grow: Grower, values: Sequence[ir.Value]) -> ir.Value:
    """The product of all, in some order, with names for what is in between."""
    first, *rest = [values[axis] for axis in grow.permutation(len(values))]
    for value in rest:
        first = grow.maybe_shared(grow.op("Mul", first, value))
    return first


def test_whatever_is_taken_apart() -> None:
    hold(Hardswish(), whole, opsets=(14, 17, 21), examples=30, least=0.8)


def test_whatever_is_put_together() -> None:
    hold(Hardswish(mode=Mode.RESTORE), parts, opsets=(13, 14, 17, 21), least=0.1)

"""The gelu pass on random graphs, both ways."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix_passes._restoring import Mode
from graphfix_passes.gelu import Gelu
from tests.passes.random_graphs import Grower, hold


def whole(grow: Grower) -> Sequence[ir.Value]:
    data = grow.unary(grow.input(grow.shape(), grow.one_of(np.float32, np.float16)))
    return [grow.op("Gelu", data, approximate=grow.one_of("none", "tanh"))]


def parts(grow: Grower) -> Sequence[ir.Value]:
    data = grow.unary(grow.input(grow.shape(min_rank=1)))
    one, half = grow.const(grow.one_of(1.0, [1.0])), grow.const(grow.one_of(0.5, 0.5, 0.4))
    if grow.chance(50):
        bent = grow.op("Erf", grow.op("Div", data, grow.const(np.sqrt(2))))
    else:
        cube = grow.op("Mul", data, grow.op("Mul", data, data))
        inner = grow.op("Add", data, grow.op("Mul", cube, grow.const(0.044715)))
        bent = grow.op("Tanh", grow.op("Mul", grow.const(np.sqrt(2 / np.pi)), inner))
    return [_product(grow, [data, half, grow.op("Add", bent, one)])]


def _product(grow: Grower, values: Sequence[ir.Value]) -> ir.Value:
    """The product of all, in some order, with names for what is in between."""
    first, *rest = [values[axis] for axis in grow.permutation(len(values))]
    for value in rest:
        first = grow.maybe_shared(grow.op("Mul", first, value))
    return first


def test_whatever_is_taken_apart() -> None:
    hold(Gelu(), whole, opsets=(20, 21), examples=30, least=0.8)


def test_whatever_is_put_together() -> None:
    hold(Gelu(mode=Mode.RESTORE), parts, opsets=(19, 20, 21), examples=40, least=0.1)

"""The cast-insert pass on random arithmetic in float32."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix.rewrite import Selector
from graphfix_passes.cast_insert import CastInsert, To
from tests.passes.random_graphs import Grower, hold


def floats(grow: Grower) -> Sequence[ir.Value]:
    shape = grow.shape(min_rank=1, max_rank=2)
    values = [grow.input(shape), grow.const(np.full(shape, grow.one_of(0.5, 3.0, 1e9)))]
    for _ in range(grow.number(1, 4)):
        first, second = (values[grow.number(0, len(values) - 1)] for _ in range(2))
        op_type = grow.one_of("Mul", "Tanh", "Where", "Reshape", "Sub")
        if op_type in ("Mul", "Sub"):
            values.append(grow.op(op_type, first, second))
        elif op_type == "Where":
            chosen = grow.op("Cast", first, to=int(ir.DataType.BOOL))
            values.append(grow.op("Where", chosen, second, first))
        elif op_type == "Reshape":
            values.append(grow.op("Reshape", first, grow.op("Shape", second)))
        else:
            values.append(grow.op("Tanh", first))
    return values[-1:]


def test_whatever_is_computed_in_double() -> None:
    chosen = Selector("op=Mul|Tanh|Reshape|Where")
    hold(CastInsert(to=To.DOUBLE, select=chosen), floats, examples=50, least=0.4)

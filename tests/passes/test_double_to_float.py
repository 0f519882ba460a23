"""The double-to-float pass on random arithmetic in float64."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix_passes.double_to_float import DoubleToFloat
from tests.passes.random_graphs import Grower, hold

_DOUBLE, _FLOAT = int(ir.DataType.DOUBLE), int(ir.DataType.FLOAT)


def doubles(grow: Grower) -> Sequence[ir.Value]:
    shape = grow.shape(min_rank=1, max_rank=2)
    values = [grow.input(shape, grow.one_of(np.float64, np.float32, np.int64, np.float64))]
    if values[0].dtype != ir.DataType.DOUBLE:
        values = [grow.op("Cast", values[0], to=_DOUBLE)]
    values.append(grow.const(np.full(shape, grow.one_of(0.5, 3.0, 0.1)), np.float64))
    if grow.chance(20):
        number = np.array(grow.one_of(1e300, 2.0**24 + 1))
        values.append(grow.op("Constant", value=ir.tensor(number)))
    results = []
    for _ in range(grow.number(1, 4)):
        first, second = (values[grow.number(0, len(values) - 1)] for _ in range(2))
        op_type = grow.one_of("Mul", "Max", "Tanh", "Where", "Reshape", "Cast", "Clip", "TopK")
        if op_type in ("Mul", "Max"):
            values.append(grow.op(op_type, first, second))
        elif op_type == "Where":
            chosen = grow.op("Cast", first, to=int(ir.DataType.BOOL))
            values.append(grow.op("Where", chosen, second, first))
        elif op_type == "Reshape":
            values.append(grow.op("Reshape", first, grow.op("Shape", second)))
        elif op_type == "Cast":
            results.append(grow.op("Cast", first, to=_FLOAT))
        elif op_type == "Clip" and grow.opset >= 11:
            values.append(grow.op("Clip", first, None, grow.const(1.5, np.float64)))
        elif op_type == "TopK" and grow.opset >= 10:
            results.append(grow.ops("TopK", first, grow.const([1], np.int64), outputs=2)[0])
        else:
            values.append(grow.op("Tanh", first))
    return results or values[-1:]


def test_whatever_is_computed_in_float64() -> None:
    hold(DoubleToFloat(), doubles, examples=40, least=0.3)

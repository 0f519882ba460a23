"""The int64-to-int32 pass on random arithmetic of integers."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix.contract import InRange
from graphfix.model import from_text
from graphfix.rewrite import PassContext
from graphfix_passes.int64_to_int32 import Int64ToInt32
from tests.passes.random_graphs import Grower, hold

_PAIRS = ("Add", "Sub", "Mul", "Equal", "Less", "Where", "Concat")


def integers(grow: Grower) -> Sequence[ir.Value]:
    shape = grow.shape(min_rank=1, max_rank=2)
    values = [grow.input(shape, grow.one_of(np.int64, np.int64, np.int64, np.int32))]
    if values[0].dtype is ir.DataType.INT32 or grow.chance(20):
        values = [grow.op("Cast", values[0], to=int(ir.DataType.INT64))]
    values.append(grow.const(np.full(shape, grow.one_of(3, -2)), np.int64))
    if grow.chance(20):
        values.append(grow.op("Constant", value_int=2**40))
    results = []
    for _ in range(grow.number(1, 4)):
        first, second = (values[grow.number(0, len(values) - 1)] for _ in range(2))
        op_type = grow.one_of(*_PAIRS, "Neg", "Unsqueeze", "ReduceMax", "Reshape", "Cast")
        if op_type == "Where":
            values.append(grow.op("Where", grow.op("Less", first, second), second, first))
        elif op_type == "Concat":
            results.append(grow.op("Concat", first, second, axis=0))
        elif op_type in ("Equal", "Less"):
            results.append(grow.op(op_type, first, second))
        elif op_type in _PAIRS:
            values.append(grow.op(op_type, first, second))
        elif op_type == "Unsqueeze":
            axes = (grow.number(0, 1),)
            results.append(grow.with_ints("Unsqueeze", first, since=13, axes=axes))
        elif op_type == "ReduceMax":
            results.append(grow.with_ints("ReduceMax", first, since=18, axes=(0,)))
        elif op_type == "Reshape":
            values.append(grow.op("Reshape", first, grow.op("Shape", second)))
        elif op_type == "Cast":
            to = grow.one_of(ir.DataType.INT32, ir.DataType.FLOAT, ir.DataType.BOOL)
            results.append(grow.op("Cast", first, to=int(to)))
        else:
            values.append(grow.op("Neg", first))
    return results or values[-1:]


def test_whatever_is_computed_with_integers() -> None:
    hold(Int64ToInt32(), integers, examples=60, least=0.4)


def test_every_number_that_got_narrower_is_looked_at() -> None:
    model = from_text(
        """<ir_version: 8, opset_import: ["" : 13]>
        main (int64[2] x, float[2] w) => (bool[2] y)
        <int64 two = {2}>
        {
           i = Cast <to = 7> (w)
           [product] m = Mul (x, i)
           [shape] s = Identity (m)
           [is] y = Less (s, two)
        }"""
    )
    result = Int64ToInt32().run(model, PassContext())
    assert result.contract == InRange(
        {
            "product/Cast_0": "x",
            "product/Cast_1": "i",
            "product/Mul_0": "m",
            "shape/Identity_0": "s",
        }
    )

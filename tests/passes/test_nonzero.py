"""``nonzero`` on random graphs."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix_passes.nonzero import Nonzero
from tests.passes.random_graphs import Grower, hold


def elements(grow: Grower, mask: ir.Value) -> ir.Value:
    """The indices of a mask, as GatherND and ScatterND read them."""
    return grow.op("Transpose", grow.op("NonZero", mask), **grow.one_of({}, {"perm": [1, 0]}))


def written(grow: Grower) -> Sequence[ir.Value]:
    shape = grow.shape(1, 3)
    axes = grow.number(1, len(shape))
    dtype = grow.one_of(np.float32, np.int64)
    data = grow.input(shape, dtype)
    if grow.chance(30):
        mask = grow.const(np.arange(np.prod(shape[:axes])).reshape(shape[:axes]) % 2, np.bool_)
        mask = grow.op("Not", mask)
    elif grow.chance(60) and axes == len(shape):
        mask = grow.op("Greater", data, grow.const(0, dtype))
    else:
        mask = grow.input(shape[:axes], np.bool_)
    if grow.chance(20):
        mask = grow.op("Cast", mask, to=int(ir.DataType.FLOAT))
    at = elements(grow, mask)
    old = grow.op("GatherND", grow.input(shape, dtype) if grow.chance(20) else data, at)
    if grow.chance(30):
        old = grow.op("Mul", old, grow.op("GatherND", data, elements(grow, mask)))
    if grow.chance(50):
        row = [1] * grow.number(0, 1) + list(shape[axes:])
        number = grow.input(row, dtype) if grow.chance(50) else grow.const(3, dtype)
        old = grow.op(grow.one_of("Add", "Mul", "Sub", "Div"), old, number)
    old = grow.op(grow.one_of("Abs", "Neg", "Identity"), old)
    count = grow.op("Gather", grow.op("Shape", at), grow.const([0], np.int64))
    sizes = [count, grow.const(shape[axes:], np.int64)] if axes < len(shape) else [count]
    whole = grow.op("Concat", *sizes, axis=0)
    form = grow.one_of("none", "Expand", "Reshape", "Slice", "one", "row")
    if form in ("Expand", "Reshape"):
        old = grow.op(form, old, whole)
    if form == "Slice":
        old = grow.op("Slice", old, grow.const([0], np.int64), count, grow.const([0], np.int64))
    if form == "one":
        old = grow.op("Expand", grow.const(grow.one_of(2, [2]), dtype), whole)
    if form == "row":
        old = grow.op("Expand", grow.input(shape[axes:], dtype), whole)
    reduction = {"reduction": grow.one_of("none", "add", "mul")} if grow.opset >= 16 else {}
    return [grow.op("ScatterND", data, at, old, **reduction)]


def full(grow: Grower) -> Sequence[ir.Value]:
    shape = grow.shape(1, 3)
    sizes = grow.op("Shape", grow.input(shape))
    if grow.chance(30):
        mask = grow.op("Expand", grow.const([grow.number(0, 2)], np.float32), sizes)
    else:
        fill = ir.AttrTensor("value", ir.tensor(np.array([grow.number(0, 2)])))
        mask = grow.op("ConstantOfShape", sizes, value=fill)
    if grow.chance(30):
        mask = grow.const(np.arange(np.prod(shape)).reshape(shape) % 3, np.int64)
    return [grow.op("NonZero", mask)]


def test_what_is_written_under_a_mask() -> None:
    hold(Nonzero(), written, opsets=(11, 13, 16, 18, 21), examples=25)


def test_what_a_known_mask_finds() -> None:
    hold(Nonzero(), full, examples=15)

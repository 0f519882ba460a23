"""``roi-extractor`` on random groups, whole ones and others."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from graphfix_passes.roi_extractor import RoiExtractor
from tests.passes.random_graphs import DType, Grower, hold


def constant(grow: Grower, data: Any, dtype: DType = np.float32) -> ir.Value:
    """One that is a constant for sure: there are too many of them here to leave it to chance."""
    return grow.op("Constant", value=ir.AttrTensor("value", ir.tensor(np.asarray(data, dtype))))


def at_axis(grow: Grower, op_type: str, value: ir.Value, axis: int) -> ir.Value:
    if grow.opset < 13:
        return grow.op(op_type, value, axes=[axis])
    return grow.op(op_type, value, constant(grow, [axis], np.int64))


def column(grow: Grower, value: ir.Value, index: int) -> ir.Value:
    if grow.chance(70):
        return grow.op("Gather", value, constant(grow, index, np.int64), axis=1)
    limits = (constant(grow, [limit], np.int64) for limit in (index, index + 1, 1))
    return at_axis(grow, "Squeeze", grow.op("Slice", value, *limits), 1)


def level_of(grow: Grower, regions: ir.Value, count: int) -> ir.Value:
    """``floor(log2(sqrt(area) / finest))``, now and then something like it."""
    sides = [
        grow.op("Sub", column(grow, regions, behind), column(grow, regions, front))
        for behind, front in ((3, 1), (4, 2) if grow.chance(95) else (4, 1))
    ]
    size = grow.op("Sqrt", grow.op("Mul", *sides))
    start = grow.one_of(0, 2)
    finest = grow.one_of(8.0, 12.0) * 2**start
    if grow.chance(50):
        size = grow.op("Mul", size, grow.const(1 / finest))
    else:
        size = grow.op("Div", size, constant(grow, finest))
    if grow.chance(50):
        size = grow.op("Add", size, constant(grow, 1e-6))
    octaves = grow.op("Div", grow.op("Log", size), constant(grow, np.log(2)))
    if start:
        octaves = grow.op("Add", octaves, constant(grow, float(start)))
        if grow.chance(50):
            octaves = grow.op("Add", constant(grow, 1e-6), octaves)
    whole = grow.op("Floor", octaves)
    low, high = float(start), float(start + count - 1)
    if grow.opset < 11:
        limited = grow.op("Clip", whole, min=low, max=high)
    else:
        limited = grow.op("Clip", whole, constant(grow, low), constant(grow, high))
    level = grow.op("Cast", limited, to=int(ir.DataType.INT64))
    return grow.op("Sub", level, constant(grow, start, np.int64)) if start else level


def pyramid(grow: Grower) -> Sequence[ir.Value]:
    rng, count, rows = np.random.default_rng(grow.number(0, 99)), grow.number(1, 3), 6
    start = rng.uniform(0, 8, (rows, 2))
    sizes = np.exp(rng.uniform(0, 4, (rows, 2)))
    image = rng.integers(0, 2, (rows, 1))
    regions = grow.feed(np.hstack([image, start, start + sizes]).astype(np.float32), symbolic=False)
    level = level_of(grow, regions, count)
    shape = constant(grow, [rows, 1, 2, 2], np.int64)
    joined = grow.op("ConstantOfShape", shape)
    form = grow.one_of("ScatterND", "ScatterElements", "Add")
    aligned = grow.one_of("half_pixel", "output_half_pixel")
    for number in range(count):
        own = grow.op("Equal", level, constant(grow, number, np.int64))
        if form == "Add":
            flag = grow.op("Cast", own, to=int(ir.DataType.FLOAT))
            flag = at_axis(grow, "Unsqueeze", flag, -1)
            some = grow.op("Mul", *((regions, flag) if grow.chance(50) else (flag, regions)))
        else:
            at = grow.op("Transpose", grow.op("NonZero", own), perm=[1, 0])
            row = at_axis(grow, "Squeeze", at, 1)
            some = grow.op("Gather", regions, row, axis=0)
        picture = grow.op("Cast", column(grow, some, 0), to=int(ir.DataType.INT64))
        limits = (constant(grow, [limit], np.int64) for limit in (1, 5, 1))
        features = grow.input((2, 1, 8 >> number, 8 >> number), symbolic=False)
        pooled = grow.op(
            "RoiAlign",
            features,
            grow.op("Slice", some, *limits),
            picture,
            output_height=2,
            output_width=2,
            sampling_ratio=2 if grow.chance(95) else 1,
            spatial_scale=0.25 / 2**number,
            **({"coordinate_transformation_mode": aligned} if grow.opset >= 16 else {}),
        )
        if form == "ScatterND":
            joined = grow.op("ScatterND", joined, at, pooled)
        elif form == "ScatterElements":
            upright = grow.op("Reshape", row, constant(grow, [-1, 1, 1, 1], np.int64))
            every = grow.op("Expand", upright, constant(grow, [1, 1, 2, 2], np.int64))
            joined = grow.op("ScatterElements", joined, every, pooled, axis=0)
        else:
            wide = grow.op("Expand", flag, constant(grow, [1, 4], np.int64))
            factor = grow.op("Reshape", wide, shape)
            joined = grow.op("Add", joined, grow.op("Mul", pooled, factor))
    return [joined]


def test_whatever_reads_a_pyramid() -> None:
    hold(RoiExtractor(optional=True), pyramid, opsets=(11, 13, 16, 18), examples=15)

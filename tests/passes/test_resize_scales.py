"""The resize-scales pass on random ways to compute scales and sizes."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix_passes.resize_scales import ResizeScales
from tests.passes.random_graphs import Grower, hold

MODES = ("asymmetric", "half_pixel", "pytorch_half_pixel", "align_corners")


def resizes(grow: Grower) -> Sequence[ir.Value]:
    """An input, made larger perhaps, whose size is scaled and given to a Resize."""
    data = grow.input((1, grow.number(1, 2), grow.number(1, 6), grow.number(1, 6)))
    if grow.chance(30):
        data = grow.op("Concat", data, data, axis=grow.number(2, 3))
    if grow.chance(30):
        data = grow.op("AveragePool", data, kernel_shape=[1, 1], strides=[grow.number(1, 2)] * 2)
    factor = grow.one_of(2.0, 1.5, 3.0, 0.5, 0.25, 1.3)
    if grow.opset < 11:
        op_type = "Upsample" if grow.opset == 9 else "Resize"
        return [grow.op(op_type, data, _scales(grow, data, factor), mode=_mode(grow))]
    by_scales = grow.chance(30)
    slots = [_scales(grow, data, factor), None] if by_scales else [None, _sizes(grow, data, factor)]
    empty = grow.one_of("tensor", "name") if grow.opset >= 13 else "tensor"
    if empty == "tensor":
        slots = [
            grow.op("Constant", value=ir.tensor(np.zeros(0, np.float32))) if x is None else x
            for x in slots[: 1 if by_scales else 2]
        ]
    roi = (
        grow.op("Constant", value=ir.tensor(np.zeros(0, np.float32))) if empty == "tensor" else None
    )
    coordinates = grow.one_of(*MODES)
    return [
        grow.op(
            "Resize",
            data,
            roi,
            *slots,
            mode=_mode(grow),
            coordinate_transformation_mode=coordinates,
        )
    ]


def _mode(grow: Grower) -> str:
    return grow.one_of("nearest", "linear", "cubic") if grow.opset >= 11 else "nearest"


def _floats(grow: Grower, data: ir.Value) -> ir.Value:
    """Height and width as floats."""
    sizes = grow.op("Shape", data)
    two = grow.with_ints("Slice", sizes, since=10, starts=[2], ends=[4])
    return grow.op("Cast", two, to=1)


def _scaled(grow: Grower, data: ir.Value, factor: float) -> ir.Value:
    factors = grow.const(grow.one_of([factor], [factor, 2 * factor]))
    product = grow.op("Mul", _floats(grow, data), factors)
    return grow.op("Floor", product) if grow.chance(70) else product


def _scales(grow: Grower, data: ir.Value, factor: float) -> ir.Value:
    ratio = grow.op("Div", _scaled(grow, data, factor), _floats(grow, data))
    return grow.op("Concat", grow.const([1.0, 1.0]), ratio, axis=0)


def _sizes(grow: Grower, data: ir.Value, factor: float) -> ir.Value:
    scaled = grow.op("Cast", _scaled(grow, data, factor), to=7)
    sizes = grow.op("Shape", data)
    front = grow.with_ints("Slice", sizes, since=10, starts=[0], ends=[2])
    return grow.maybe_shared(grow.op("Concat", front, scaled, axis=0))


def test_whatever_computes_scales_or_sizes() -> None:
    hold(ResizeScales(), resizes, opsets=(9, 10, 11, 13, 18, 21), examples=80, least=0.2)

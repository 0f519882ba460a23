"""The resize-matmul pass on random Resizes."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix_passes.resize_matmul import ResizeMatmul
from tests.passes.random_graphs import Grower, hold
from tests.passes.test_resize_rank import COORDINATES


def resizes(grow: Grower) -> Sequence[ir.Value]:
    shape = [grow.number(1, 2), grow.number(1, 2), grow.number(2, 7), grow.number(2, 5)]
    x = grow.unary(grow.input(shape, grow.one_of(np.float32, np.float32, np.float16)))
    chosen: dict[str, int | float | str] = {"mode": grow.one_of("cubic", "linear")}
    latest = ("half_pixel_symmetric",) if grow.opset >= 19 else ()
    chosen["coordinate_transformation_mode"] = grow.one_of(*COORDINATES, *latest)
    if grow.chance(50):  # torch writes them beside linear, too
        chosen |= {"cubic_coeff_a": -0.5, "exclude_outside": 1}
    axes: tuple[int, ...] = (0, 1, 2, 3)
    extra = {}
    if grow.opset >= 18:
        chosen["antialias"] = grow.number(0, 1)
        if grow.chance(30):
            axes = extra["axes"] = grow.one_of((2, 3), (-1, 2))
    none = grow.const(np.zeros(0)) if grow.opset < 13 else None
    roi = none
    if grow.chance(30):
        chosen["coordinate_transformation_mode"] = "tf_crop_and_resize"
        chosen["extrapolation_value"] = grow.one_of(0.0, 3.0)
        crops = {2: (grow.one_of(0.0, 0.25), 0.75), 3: (-0.5, grow.one_of(1.0, 1.5))}
        ends = [crops.get(axis % 4, (0.0, 1.0)) for axis in axes]
        roi = grow.const([*(start for start, _ in ends), *(end for _, end in ends)])
    if grow.chance(50):
        after = [*shape[:2], grow.number(1, 9), grow.number(1, 9)]
        sizes = grow.const([after[axis] for axis in axes], np.int64)
        return [grow.op("Resize", x, roi, none, sizes, **chosen, **extra)]
    factors = [1.0, 1.0, *(grow.one_of(2.0, 0.5, 1.7, 0.4, 1.0) for _ in range(2))]
    scales = grow.const([factors[axis] for axis in axes])
    return [grow.op("Resize", x, roi, scales, **chosen, **extra)]


def test_whatever_is_interpolated() -> None:
    hold(ResizeMatmul(linear=True), resizes, opsets=(11, 13, 18, 21), examples=30, least=0.2)


def test_linear_is_left_to_the_kernels() -> None:
    hold(ResizeMatmul(), resizes, opsets=(11, 18), examples=12, least=0.05)

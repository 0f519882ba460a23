"""The passes resize3d-split and resize1d-to-resize2d on random Resizes."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import onnx_ir as ir

from graphfix_passes.resize1d_to_resize2d import Resize1dToResize2d
from graphfix_passes.resize3d_split import Resize3dSplit
from tests.passes.random_graphs import Grower, hold

COORDINATES = ("half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel")
ROUNDINGS = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")


def resizes(axes: int, grow: Grower) -> Sequence[ir.Value]:
    shape = (grow.number(1, 2), grow.number(1, 2), *(grow.number(1, 4) for _ in range(axes)))
    x = grow.unary(grow.input(shape))
    mode = grow.one_of("nearest", "linear")
    if grow.opset == 9:
        scales = [1, 1, *(grow.one_of(1.0, 2.0, 3.0) for _ in range(axes))]
        return [grow.op("Upsample", x, grow.const(scales), mode=mode)]
    chosen: dict[str, str] = {"mode": mode}
    chosen["coordinate_transformation_mode"] = grow.one_of(*COORDINATES, "tf_half_pixel_for_nn")
    if mode == "nearest":
        chosen["nearest_mode"] = grow.one_of(*ROUNDINGS)
    none = grow.const(np.zeros(0)) if grow.opset < 13 else None
    if grow.chance(50):
        sizes = [*shape[:2], *(grow.number(1, 5) for _ in range(axes))]
        return [grow.op("Resize", x, none, none, grow.const(sizes, np.int64), **chosen)]
    scales = [1, 1, *(grow.one_of(1.0, 2.0, 1.5, 1.3) for _ in range(axes))]
    return [grow.op("Resize", x, none, grow.const(scales), **chosen)]


def test_whatever_is_resized_along_three_axes() -> None:
    hold(Resize3dSplit(), partial(resizes, 3), opsets=(9, 11, 13, 18), examples=30, least=0.1)


def test_whatever_is_resized_along_one_axis() -> None:
    hold(Resize1dToResize2d(), partial(resizes, 1), opsets=(9, 11, 13, 18), examples=30, least=0.1)

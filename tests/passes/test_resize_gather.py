"""The resize-gather pass on random Resizes."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix_passes.resize_gather import ResizeGather
from tests.passes.random_graphs import Grower, hold
from tests.passes.test_resize_rank import COORDINATES, ROUNDINGS


def resizes(grow: Grower) -> Sequence[ir.Value]:
    rank = grow.one_of(4, 4, 3, 2)
    shape = [grow.number(1, most) for most in (2, 2, 7, 5)[4 - rank :]]
    x = grow.unary(grow.input(shape))
    scales = [grow.one_of(1.0, 2.0, 0.5, 1.5, 1.3, 3.0, 0.3) for _ in shape]
    if grow.opset == 9:
        scales = [max(1.0, scale) for scale in scales]
        return [grow.op("Upsample", x, grow.const(scales), mode="nearest")]
    latest = "half_pixel_symmetric" if grow.opset >= 19 else "tf_half_pixel_for_nn"
    coordinates = grow.one_of(*COORDINATES, latest)
    chosen = {
        "coordinate_transformation_mode": coordinates,
        "nearest_mode": grow.one_of(*ROUNDINGS),
    }
    none = grow.const(np.zeros(0)) if grow.opset < 13 else None
    if grow.chance(20):
        chosen["coordinate_transformation_mode"] = "tf_crop_and_resize"
        ends = [grow.one_of((0.0, 1.0), (0.25, 0.75), (0.1, 1.0), (0.5, 1.2)) for _ in shape]
        roi = grow.const([*(start for start, _ in ends), *(end for _, end in ends)])
        frame = grow.const([grow.number(1, 11) for _ in shape], np.int64)
        return [grow.op("Resize", x, roi, none, frame, **chosen)]
    if grow.opset >= 18 and grow.chance(30):
        return [grow.op("Resize", x, none, grow.const(scales[1:]), axes=range(1, rank), **chosen)]
    if grow.chance(50):
        sizes = [grow.number(1, 11) for _ in shape]
        return [grow.op("Resize", x, none, none, grow.const(sizes, np.int64), **chosen)]
    return [grow.op("Resize", x, none, grow.const(scales), **chosen)]


def test_whatever_nearest_takes() -> None:
    hold(ResizeGather(), resizes, opsets=(9, 11, 13, 18, 21), examples=40, least=0.2)

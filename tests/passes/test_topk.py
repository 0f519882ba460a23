"""``topk`` on random graphs."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix_passes.topk import Topk
from tests.passes.random_graphs import Grower, hold


def picks(grow: Grower) -> Sequence[ir.Value]:
    shape = grow.shape(1, 3)
    axis = grow.number(-len(shape), len(shape) - 1)
    data = grow.input(shape, np.uint8 if grow.opset >= 11 and grow.chance(20) else np.float32)
    if grow.opset >= 11 and grow.chance(30):
        data = grow.op("Cast", data, to=int(grow.one_of(ir.DataType.INT64, ir.DataType.INT32)))
    number = grow.number(0, shape[axis])
    options = {"axis": axis} | ({"sorted": 0, "largest": 0} if grow.opset >= 11 else {})
    if grow.opset < 10:
        options["k"] = max(number, 1)
        best, indices = grow.ops("TopK", data, outputs=2, **options)
    else:
        k = grow.const([number], np.int64)
        if grow.chance(40):
            size = grow.op("Gather", grow.op("Shape", data), grow.const([axis], np.int64))
            k = grow.op("Min", k, size) if grow.opset >= 12 else size
        best, indices = grow.ops("TopK", data, k, outputs=2, **options)
    if grow.chance(20):
        indices = grow.op("Cast", indices, to=int(ir.DataType.INT32))
    return [value for value in (best, indices) if grow.chance(80)] or [best]


def test_whatever_stands_around_topk() -> None:
    hold(Topk(), picks)


def test_indices_as_they_are() -> None:
    hold(Topk(cast_indices=False), picks, examples=30)

"""The reflect-pad pass on random pads."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix_passes.reflect_pad import ReflectPad
from tests.passes.random_graphs import Grower, hold


def pads(grow: Grower) -> Sequence[ir.Value]:
    shape = grow.shape(min_rank=1, max_rank=4)
    dtype = grow.one_of(np.float32, np.float32, np.float16, np.int64) if grow.opset > 11 else None
    data = grow.unary(grow.input(shape, dtype or np.float32))
    axes = grow.permutation(len(shape))[: grow.number(1, len(shape))]
    if grow.opset < 18:
        axes = tuple(range(len(shape)))
    mode = grow.one_of("reflect", "reflect", "edge", "constant")
    least = -1 if grow.chance(10) else 0
    added = [
        grow.number(least, 3 if mode == "edge" else shape[axis] - 1) for axis in (*axes, *axes)
    ]
    if grow.opset < 11:
        return [grow.op("Pad", data, mode=mode, pads=added)]
    inputs: list[ir.Value | None] = [data, grow.const(added, np.int64)]
    if grow.opset >= 18 and (len(axes) < len(shape) or grow.chance(50)):
        counted = [axis - grow.one_of(0, len(shape)) for axis in axes]
        inputs += [None, grow.const(counted, np.int64)]
    elif axes != tuple(range(len(shape))):
        inputs += [None, grow.const(axes, np.int64)]
    return [grow.op("Pad", *inputs, mode=mode)]


def test_whatever_is_padded() -> None:
    hold(ReflectPad(), pads, examples=35, least=0.2)

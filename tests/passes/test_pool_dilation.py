"""The pool-dilation pass on random windows."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix_passes.pool_dilation import PoolDilation
from tests.passes.random_graphs import Grower, hold


def pools(grow: Grower) -> Sequence[ir.Value]:
    count = grow.number(1, 2)
    shape = (1, 2, *[grow.number(7, 9) for _ in range(count)])
    data = grow.input(shape, grow.one_of(np.float32, np.float32, np.float64))
    kernel = [grow.number(1, 3) for _ in range(count)]
    attributes = {
        "kernel_shape": kernel,
        "dilations": [grow.one_of(2, 3, 1) for _ in range(count)],
        "strides": [grow.one_of(1, 2) for _ in range(count)],
    }
    if grow.chance(50):
        attributes["pads"] = [grow.number(0, size - 1) for size in (*kernel, *kernel)]
    ceil = grow.number(0, 1)
    return [grow.op("MaxPool", data, ceil_mode=ceil, **attributes)]


def test_whatever_window_has_gaps() -> None:
    hold(PoolDilation(), pools, opsets=(11, 13, 17, 21), examples=40, least=0.3)

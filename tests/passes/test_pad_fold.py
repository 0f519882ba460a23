"""The pad-fold pass on random Pads in front of convolutions and pools."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix.rewrite.rewriter import AttrValue
from graphfix_passes.pad_fold import PadFold
from tests.passes.random_graphs import Grower, hold


def padded(grow: Grower) -> Sequence[ir.Value]:
    rank = grow.one_of(1, 2)
    x = grow.input((2, 2, *(grow.number(4, 6) for _ in range(rank))))
    if grow.chance(40):
        x = grow.op("Relu", x)
    kind = grow.one_of("Conv", "AveragePool", "MaxPool", "LpPool")
    value = 0.5 if grow.chance(5) else 0.0
    if kind == "MaxPool" and grow.chance(50):
        value = float(np.finfo(np.float32).min)
    pads = [grow.number(0, 2) if axis >= 2 else 0 for axis in (*range(rank + 2),) * 2]
    if grow.chance(5):
        pads[grow.number(0, len(pads) - 1)] = grow.one_of(-1, 1)
    mode = "edge" if grow.chance(5) else "constant"
    if grow.opset < 11:
        made = grow.op("Pad", x, pads=pads, value=value, mode=mode)
    else:
        sizes = grow.op("Constant", value=ir.tensor(np.array(pads)))
        made = grow.op("Pad", x, sizes, grow.const(value), mode=mode)
    kernel = [grow.number(2, 4) for _ in range(rank)]
    attributes: dict[str, AttrValue] = {"strides": [grow.number(1, 3) for _ in range(rank)]}
    attributes["kernel_shape"] = kernel
    if grow.chance(30):
        attributes["pads"] = [grow.number(0, 1) for _ in range(2 * rank)]
    elif grow.chance(20):
        attributes["auto_pad"] = grow.one_of("VALID", "SAME_UPPER")
    if kind == "Conv":
        weights = np.arange(4.0 * np.prod(kernel)).reshape(2, 2, *kernel)
        return [grow.op("Conv", made, grow.const(weights), **attributes)]
    if kind == "AveragePool":
        attributes["count_include_pad"] = grow.number(0, 1)
    if kind != "LpPool" and grow.opset >= 10 and grow.chance(20):
        attributes["ceil_mode"] = 1
    return [grow.op(kind, made, **attributes)]


def test_whatever_is_padded() -> None:
    hold(PadFold(), padded, examples=50, least=0.15)

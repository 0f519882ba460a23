"""The conv-attrs pass on random convolutions and pools."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix.rewrite.rewriter import AttrValue
from graphfix_passes.conv_attrs import ConvAttrs
from tests.passes.random_graphs import Grower, hold


def windows(grow: Grower) -> Sequence[ir.Value]:
    rank = grow.one_of(1, 2)
    sizes = [grow.number(5, 9) for _ in range(rank)]
    kernel = [grow.number(1, 3) for _ in range(rank)]
    x = grow.input((2, 2, *sizes))
    op_type = grow.one_of("Conv", "ConvTranspose", "MaxPool", "AveragePool", "LpPool")
    strides = [grow.number(1, 3) for _ in range(rank)]
    attributes: dict[str, AttrValue] = {"strides": strides}
    if grow.chance(70):
        attributes["auto_pad"] = grow.one_of("SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET")
    if op_type in ("Conv", "ConvTranspose"):
        weights = grow.const(np.arange(4.0 * np.prod(kernel)).reshape(2, 2, *kernel))
        dilations = [grow.number(1, 2) for _ in range(rank)]
        attributes["dilations"] = dilations
        if op_type == "ConvTranspose":
            _sizes_of_output(grow, attributes, sizes, kernel, strides)
        if grow.chance(50):
            attributes["kernel_shape"] = kernel
        return [grow.op(op_type, x, weights, **attributes)]
    attributes["kernel_shape"] = kernel
    if op_type != "LpPool" and grow.opset >= 10 and grow.chance(30):
        attributes["ceil_mode"] = 1
    if op_type == "MaxPool":
        return list(grow.ops(op_type, x, outputs=grow.number(1, 2), **attributes))
    return [grow.op(op_type, x, **attributes)]


def _sizes_of_output(
    grow: Grower,
    attributes: dict[str, AttrValue],
    sizes: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
) -> None:
    if grow.chance(30):
        attributes["output_padding"] = [grow.number(0, stride - 1) for stride in strides]
    if grow.chance(40):
        usual = [(n - 1) * s + k for n, s, k in zip(sizes, strides, kernel, strict=True)]
        attributes["output_shape"] = [size + grow.number(-2, 3) for size in usual]


def test_whatever_windows_leave_open() -> None:
    hold(ConvAttrs(), windows, examples=100, least=0.3)

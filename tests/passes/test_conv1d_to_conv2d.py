"""The conv1d-to-conv2d pass on random networks over sequences."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix.rewrite.rewriter import AttrValue
from graphfix_passes.conv1d_to_conv2d import Conv1dToConv2d
from tests.passes.random_graphs import Grower, hold


def sequences(grow: Grower) -> Sequence[ir.Value]:
    values = [grow.input((2, 2, 6), symbolic=False)]
    for number in range(grow.number(2, 6)):
        value = values[grow.number(max(0, len(values) - 2), len(values) - 1)]
        kind = grow.one_of("Conv", "MaxPool", "ConvTranspose", "AveragePool") if number == 0 else ""
        kind = kind or grow.one_of(
            "Conv", "Relu", "Add", "Pad", "Slice", "Concat", "BatchNormalization", "Mul", "Mean"
        )
        values.append(_next(grow, kind, value, values))
    return values[-1:]


def _next(grow: Grower, kind: str, value: ir.Value, values: Sequence[ir.Value]) -> ir.Value:
    """All keep the shape, so that every two values can be added."""
    if kind in ("Conv", "ConvTranspose"):
        group, dilation = grow.one_of(1, 2), grow.one_of(1, 2)
        weights = np.random.default_rng(grow.number(0, 99)).normal(size=(2, 2 // group, 3))
        before = 2 * dilation if kind == "Conv" and grow.chance(40) else dilation
        attributes: dict[str, AttrValue] = {"dilations": [dilation], "group": group}
        attributes["pads"] = [before, 2 * dilation - before]
        return grow.op(kind, value, grow.const(weights), **attributes)
    if kind in ("MaxPool", "AveragePool"):
        how = {"pads": [1, 1]} if grow.chance(50) else {"auto_pad": "SAME_LOWER"}
        return grow.op(kind, value, kernel_shape=[3], **how)
    if kind == "BatchNormalization":
        numbers = grow.const([0.5, 2.0])
        return grow.op(kind, value, numbers, numbers, numbers, numbers)
    if kind == "Add":
        return grow.op("Add", value, values[grow.number(0, len(values) - 1)])
    if kind == "Mul":
        shape = grow.one_of((), (6,), (2, 1), (2, 2, 6))
        return grow.op("Mul", *grow.one_of(*_both(value, grow.const(np.full(shape, 1.5)))))
    if kind == "Mean":
        return grow.op("Add", value, grow.op("GlobalAveragePool", value))
    if kind == "Concat":
        axis = grow.one_of(2, -1)
        whole = grow.op("Concat", value, values[grow.number(0, len(values) - 1)], axis=axis)
        return _slice(grow, whole, 3, 9)
    if kind == "Slice":
        return _slice(grow, _pad(grow, value), 2, 8)
    return _slice(grow, _pad(grow, value), 0, 6) if kind == "Pad" else grow.op("Relu", value)


def _both(one: ir.Value, other: ir.Value) -> tuple[tuple[ir.Value, ir.Value], ...]:
    return (one, other), (other, one)


def _pad(grow: Grower, value: ir.Value) -> ir.Value:
    mode = grow.one_of("constant", "edge", "reflect")
    pads = (0, 0, 1, 0, 0, 2)
    if grow.opset < 11:
        return grow.op("Pad", value, pads=pads, mode=mode)
    return grow.op("Pad", value, grow.const(pads, np.int64), mode=mode)


def _slice(grow: Grower, value: ir.Value, start: int, end: int) -> ir.Value:
    axis = grow.one_of(2, -1)
    return grow.with_ints("Slice", value, since=10, starts=[start], ends=[end], axes=[axis])


def test_whatever_is_computed_over_sequences() -> None:
    hold(Conv1dToConv2d(), sequences, examples=25, least=0.5)

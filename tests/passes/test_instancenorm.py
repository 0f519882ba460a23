"""The instancenorm pass on random graphs, in all its forms."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir
import pytest

from graphfix_passes.instancenorm import Form, Instancenorm
from tests.passes.random_graphs import Grower, hold


def _data(grow: Grower) -> tuple[ir.Value, tuple[int, ...]]:
    shape = (grow.number(1, 2), grow.number(1, 3), *grow.shape(min_rank=1, max_rank=3))
    return grow.unary(grow.input(shape)), shape


def whole(grow: Grower) -> Sequence[ir.Value]:
    data, shape = _data(grow)
    scale, bias = (grow.const(np.linspace(a, 2, shape[1])) for a in (-1, 1))
    return [grow.op("InstanceNormalization", data, scale, bias, epsilon=0.01)]


def parts(grow: Grower) -> Sequence[ir.Value]:
    data, shape = _data(grow)
    first = grow.one_of(2, 2, 2, len(shape) - 1)
    axes = [axis - grow.one_of(0, len(shape)) for axis in range(first, len(shape))]

    def mean(value: ir.Value) -> ir.Value:
        keep = 1 if grow.chance(95) else 0
        if grow.opset >= 18:
            return grow.op("ReduceMean", value, grow.const(axes, np.int64), keepdims=keep)
        return grow.op("ReduceMean", value, axes=axes, keepdims=keep)

    centred = grow.op("Sub", data, mean(data))
    square = grow.op("Mul", centred, grow.one_of(centred, centred, centred, data))
    variance = grow.op("Add", mean(square), grow.const(0.01))
    normal = grow.maybe_shared(grow.op("Div", centred, grow.op("Sqrt", variance)))
    per_channel = (shape[1], *(1,) * (len(shape) - 2))
    if grow.chance(10):
        per_channel = shape[-1:]
    scale = grow.const(np.linspace(-1, 2, per_channel[0]).reshape(per_channel))
    value = grow.op("Mul", *((normal, scale) if grow.chance(50) else (scale, normal)))
    return [grow.op("Add", value, scale)]


@pytest.mark.parametrize(
    ("form", "least"), [(Form.DECOMPOSE, 0.4), (Form.LIFT, 0.1), (Form.LAYERNORM, 0.05)]
)
def test_whatever_is_normalised(form: Form, least: float) -> None:
    hold(Instancenorm(mode=form), whole, examples=20, least=least)


def test_whatever_is_put_together() -> None:
    hold(Instancenorm(mode=Form.RESTORE), parts, examples=40, least=0.05)

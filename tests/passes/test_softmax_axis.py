"""The softmax-axis pass on random shapes, axes and Transposes."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix.rewrite.rewriter import AttrValue
from graphfix_passes.softmax_axis import SoftmaxAxis
from tests.passes.random_graphs import Grower, hold


def softmaxes(grow: Grower) -> Sequence[ir.Value]:
    shape = grow.shape(min_rank=2, max_size=3)
    value = grow.unary(grow.input(shape, grow.one_of(np.float32, np.float16)))
    low = -len(shape) if grow.opset >= 11 else 0
    axis = grow.number(low, len(shape) - 1)
    given: dict[str, AttrValue] = {"axis": axis} if grow.chance(70) else {}
    order = grow.permutation(len(shape)) if grow.chance(60) else ()
    if order:
        value = grow.op("Transpose", value, perm=order)
    value = grow.op(grow.one_of("Softmax", "LogSoftmax", "Hardmax"), value, **given)
    if order:
        back = tuple(int(k) for k in np.argsort(order))
        value = grow.op("Transpose", value, perm=grow.one_of(back, back, order))
    return [value]


def test_whatever_is_normalised() -> None:
    hold(SoftmaxAxis(), softmaxes, examples=100, least=0.3)

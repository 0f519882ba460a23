"""The explicit-attrs pass on random nodes with and without their attributes."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix.rewrite.rewriter import AttrValue
from graphfix_passes.explicit_attrs import ExplicitAttrs
from tests.passes.random_graphs import Grower, hold


def defaults(grow: Grower) -> Sequence[ir.Value]:
    value = grow.input((2, *grow.shape(min_rank=1, max_rank=3)))
    for _ in range(grow.number(1, 3)):
        op_type = grow.one_of("Softmax", "LogSoftmax", "Transpose", "InstanceNormalization")
        attributes: dict[str, AttrValue] = {}
        if "Softmax" in op_type and grow.chance(30):
            attributes["axis"] = grow.one_of(0, 1)
        inputs = [grow.unary(value)]
        if op_type == "InstanceNormalization":
            inputs = [grow.feed(np.ones((2, 3, 4), np.float32)), *[grow.const([1, 2, 3])] * 2]
        value = grow.op(op_type, *inputs, **attributes)
    return [value]


def suppression(grow: Grower) -> Sequence[ir.Value]:
    count = grow.number(1, 6)
    corners = grow.feed(np.random.default_rng(count).uniform(0, 1, (1, count, 4)).astype("f4"))
    scores = grow.input((1, 2, count))
    most = grow.const(grow.one_of([3], 2, [1]), np.int64) if grow.chance(90) else None
    overlap = grow.const(grow.one_of([0.5], 0.0), np.float32) if grow.chance(40) else None
    least = grow.const([0.25], np.float32) if grow.chance(60) else None
    given = [most, overlap, least][: grow.number(1, 3)]
    return [grow.op("NonMaxSuppression", corners, scores, *given)]


def test_whatever_leaves_its_attributes_out() -> None:
    hold(ExplicitAttrs(), defaults, least=0.5)


def test_inputs_of_a_suppression() -> None:
    hold(ExplicitAttrs(), suppression, opsets=(10, 11, 13, 18), examples=40)

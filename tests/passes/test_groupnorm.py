"""The groupnorm pass on random graphs, both ways."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix.model import from_text
from graphfix.rewrite import PassContext
from graphfix.runners.onnxruntime import Session
from graphfix_passes._restoring import Mode
from graphfix_passes.groupnorm import Groupnorm
from tests.passes.random_graphs import Grower, hold


def _given(grow: Grower, dtype: type[np.generic]) -> tuple[ir.Value, tuple[int, ...], int]:
    groups, per_group = grow.number(1, 3), grow.number(1, 2)
    shape = (grow.number(1, 2), groups * per_group, *grow.shape(min_rank=1, max_rank=2))
    return grow.unary(grow.input(shape, dtype)), shape, groups


def whole(grow: Grower) -> Sequence[ir.Value]:
    data, shape, groups = _given(grow, np.float32)
    scale, bias = (grow.const(np.linspace(a, 2, shape[1])) for a in (-1, 1))
    made = grow.op("GroupNormalization", data, scale, bias, num_groups=groups, epsilon=0.01)
    made.type, made.shape = ir.TensorType(ir.DataType.FLOAT), ir.Shape(shape)  # ONNX infers none
    return [made]


def parts(grow: Grower) -> Sequence[ir.Value]:
    data, shape, groups = _given(grow, np.float32)
    batch = grow.one_of(0, 0, shape[0], 1)
    rows = grow.op("Reshape", data, grow.const([batch, groups, -1], np.int64))
    one, zero = grow.const(np.full(groups, grow.one_of(1.0, 1.0, 2.0))), grow.const([0.0] * groups)
    normal = grow.op("InstanceNormalization", rows, one, zero, epsilon=0.01)
    to = grow.op("Shape", data) if grow.chance(30) else grow.const(shape, np.int64)
    value = grow.maybe_shared(grow.op("Reshape", normal, to))
    scale = grow.const(np.linspace(-1, 2, shape[1]).reshape(-1, *(1,) * (len(shape) - 2)))
    value = grow.op("Mul", *((value, scale) if grow.chance(50) else (scale, value)))
    return [grow.op("Add", value, scale)]


def test_whatever_is_taken_apart() -> None:
    hold(Groupnorm(), whole, opsets=(21,), examples=30, least=0.5)


def test_whatever_is_put_together() -> None:
    hold(Groupnorm(mode=Mode.RESTORE), parts, opsets=(20, 21), examples=40, least=0.05)


def test_before_opset_21_scale_and_bias_are_those_of_groups() -> None:
    """Neither ONNX's checker nor onnxruntime takes the operator there, as it is deprecated."""
    model = from_text(
        """
        <ir_version: 8, opset_import: ["" : 18]>
        main (float[2,4,H,W] x) => (float[2,4,H,W] y)
        <float[2] g = {1, -2}, float[2] b = {0, 1}>
        { y = GroupNormalization <num_groups = 2, epsilon = 0.1> (x, g, b) }
        """
    )
    after = Groupnorm().run(model, PassContext()).model
    x = np.random.default_rng(0).normal(size=(2, 4, 3, 5)).astype(np.float32)
    rows = x.reshape(2, 2, -1)
    normal = (rows - rows.mean(2, keepdims=True)) / np.sqrt(rows.var(2, keepdims=True) + 0.1)
    wanted = normal * np.array([[1], [-2]]) + np.array([[0], [1]])
    found = np.asarray(Session(after).run({"x": x})["y"])
    np.testing.assert_allclose(found.reshape(wanted.shape), wanted, rtol=1e-5, atol=1e-5)

"""The mish pass on random graphs, both ways."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix_passes._restoring import Mode
from graphfix_passes.mish import Mish
from tests.passes.random_graphs import Grower, hold


def whole(grow: Grower) -> Sequence[ir.Value]:
    data = grow.unary(grow.input(grow.shape(), grow.one_of(np.float32, np.float16)))
    return [grow.op("Mish", data)]


def parts(grow: Grower) -> Sequence[ir.Value]:
    data = grow.unary(grow.input(grow.shape()))
    gate = grow.op(grow.one_of("Tanh", "Tanh", "Sigmoid"), grow.op("Softplus", data))
    other = grow.one_of(data, data, gate)
    return [grow.op("Mul", gate, other), grow.op("Mul", data, grow.maybe_shared(gate))]


def test_whatever_is_taken_apart() -> None:
    hold(Mish(), whole, opsets=(18, 21), examples=30, least=0.8)


def test_whatever_is_put_together() -> None:
    hold(Mish(mode=Mode.RESTORE), parts, opsets=(17, 18, 21), least=0.1)

"""The argmax pass on random axes with equal elements."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix_passes.argmax import Argmax
from tests.passes.random_graphs import Grower, hold


def places(grow: Grower) -> Sequence[ir.Value]:
    shape = grow.shape(min_rank=1, max_rank=3)
    data = grow.input(shape, grow.one_of(np.float32, np.int32))
    if grow.chance(50):  # many equals
        data = grow.op("Sign", data)
    axis = grow.number(-len(shape) if grow.opset >= 11 else 0, len(shape) - 1)
    flags = {"keepdims": grow.number(0, 1)} if grow.chance(70) else {}
    if grow.opset >= 12:
        flags["select_last_index"] = grow.number(0, 1)
    return [grow.op(grow.one_of("ArgMax", "ArgMin"), data, axis=axis, **flags)]


def test_whatever_place_is_asked_for() -> None:
    hold(Argmax(), places, examples=30, least=0.3)

"""The rnn-states pass on random recurrent layers."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir
import pytest

from graphfix.model import from_text
from graphfix.rewrite import PassContext
from graphfix_passes.rnn_states import RnnStates
from tests.passes.random_graphs import Grower, hold


def layers(grow: Grower) -> Sequence[ir.Value]:
    op_type, gates = grow.one_of(("GRU", 3), ("LSTM", 4), ("RNN", 1))
    steps, batch, hidden = grow.number(1, 3), grow.number(1, 2), grow.number(1, 2)
    data = grow.unary(grow.input((steps, batch, 2)))
    weights = grow.const(np.linspace(-1, 1, gates * hidden * 2).reshape(1, -1, 2))
    recurrent = grow.const(np.linspace(-1, 1, gates * hidden**2).reshape(1, -1, hidden))
    lengths = None
    if grow.chance(50):
        lengths = grow.const([grow.number(max(steps - 1, 1), steps)] * batch, np.int32)
    states = [_state(grow, (1, batch, hidden)) for _ in range(2 if op_type == "LSTM" else 1)]
    given = [data, weights, recurrent, None, lengths, *states]
    return list(grow.ops(op_type, *given, outputs=2, hidden_size=hidden))


def _state(grow: Grower, shape: tuple[int, ...]) -> ir.Value | None:
    match grow.one_of("filled", "constant", "expanded", "none", "input"):
        case "filled":
            fill = ir.tensor(np.array([grow.one_of(0, 0, 1)], np.float32))
            value = grow.op("ConstantOfShape", grow.const(shape, np.int64), value=fill)
            return grow.maybe_shared(value)
        case "constant":
            return grow.const(np.full(shape, grow.one_of(0.0, 0.0, -0.0, 1.0)))
        case "expanded":
            return grow.op("Expand", grow.const(0.0), grow.const(shape, np.int64))
        case "input":
            return grow.input(shape)
        case _:
            return None


def test_whatever_layers_start_from() -> None:
    hold(RnnStates(), layers, opsets=(9, 11, 13, 18, 21), examples=40, least=0.3)


@pytest.mark.parametrize(("layout", "rewrites"), [(0, 0), (1, 1)])
def test_lengths_are_those_of_the_axis_that_the_layout_names(layout: int, rewrites: int) -> None:
    """Which onnxruntime cannot run with the batch in front."""
    model = from_text(
        f"""
        <ir_version: 8, opset_import: ["" : 14]>
        main (float[2,3,2] x, float[1,2,2] w, float[1,2,2] r) => (float[A,B,C,2] y)
        <int32[2] lengths = {{3, 3}}>
        {{ y = RNN <hidden_size = 2, layout = {layout}> (x, w, r, "", lengths) }}
        """
    )
    assert len(RnnStates().run(model, PassContext()).rewrites) == rewrites

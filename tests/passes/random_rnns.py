"""Random recurrent layers, for the property tests of the passes that rewrite them."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix.rewrite.rewriter import AttrValue
from tests.passes.random_graphs import Grower

GATES = {"GRU": 3, "LSTM": 4, "RNN": 1}
_TAKE_ALPHA = ("Affine", "Elu", "HardSigmoid", "LeakyRelu", "ScaledTanh", "ThresholdedRelu")
_TAKE_BETA = ("Affine", "HardSigmoid", "ScaledTanh")
_OTHERS = ("Relu", "Sigmoid", "Softplus", "Softsign", "Tanh")


def layer(
    grow: Grower,
    *,
    op_types: Sequence[str] = tuple(GATES),
    direction: str = "forward",
    data: ir.Value | None = None,
    attributes: dict[str, AttrValue] | None = None,
) -> Sequence[ir.Value]:
    """All outputs of a layer with some of its inputs and attributes; ``data`` is [3, 2, 2]."""
    op_type = grow.one_of(*op_types)
    gates, directions = GATES[op_type], 2 if direction == "bidirectional" else 1
    steps, batch, hidden = 3, 2, grow.number(1, 2)
    numbers = np.random.default_rng(grow.number(0, 99))

    def weights(*shape: int) -> ir.Value:
        return grow.const(numbers.normal(size=(directions, *shape)))

    inputs: list[ir.Value | None] = [
        data or grow.unary(grow.input((steps, batch, 2))),
        grow.maybe_shared(weights(gates * hidden, 2)),
        weights(gates * hidden, hidden),
        weights(2 * gates * hidden) if grow.chance(50) else None,
        grow.const([grow.number(1, steps), steps], np.int32) if grow.chance(30) else None,
    ]
    for _ in range(2 if op_type == "LSTM" else 1):
        state = numbers.normal(size=(directions, batch, hidden))
        inputs.append(grow.unary(grow.const(state)) if grow.chance(50) else None)
    if op_type == "LSTM" and grow.chance(40):
        inputs.append(weights(3 * hidden))
    chosen: dict[str, AttrValue] = {"hidden_size": hidden, **(attributes or {})}
    if direction != "forward" or grow.chance(50):
        chosen["direction"] = direction
    if grow.chance(30):
        chosen["clip"] = 0.75
    if op_type == "LSTM" and grow.chance(30):
        chosen["input_forget"] = 1
    if op_type == "GRU" and "linear_before_reset" not in chosen and grow.chance(50):
        chosen["linear_before_reset"] = 1
    if grow.chance(40):
        count = directions * {"GRU": 2, "LSTM": 3, "RNN": 1}[op_type]
        names = [grow.one_of(*_OTHERS, *_TAKE_ALPHA) for _ in range(count)]
        chosen["activations"] = names
        for kind, takers in (("alpha", _TAKE_ALPHA), ("beta", _TAKE_BETA)):
            if given := [grow.one_of(0.25, 0.75) for name in names if name in takers]:
                chosen[f"activation_{kind}"] = given
    return grow.ops(op_type, *inputs, outputs=3 if op_type == "LSTM" else 2, **chosen)


def some(grow: Grower, values: Sequence[ir.Value]) -> list[ir.Value]:
    """Some of the values, at least one."""
    return [value for value in values if grow.chance(70)] or [values[0]]

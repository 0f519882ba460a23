"""The rnn-reverse pass on random recurrent layers between Slices, and without them."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix_passes.rnn_reverse import Mode, RnnReverse
from tests.passes.random_graphs import Grower, hold
from tests.passes.random_rnns import layer, some


def _turned(grow: Grower, value: ir.Value, axis: int, *, flaw: str = "") -> ir.Value:
    start = 1 if flaw == "cut" else grow.one_of(-1, -1, 2, 9)
    limits = (start, grow.one_of(-9, -(2**31), -4), axis, -1)
    if flaw == "forms":
        return grow.op("Slice", value, *(grow.const([k], np.int64) for k in limits))
    return grow.op("Slice", value, *(grow.op("Constant", value_ints=[k]) for k in limits))


def between_slices(grow: Grower) -> Sequence[ir.Value]:
    flaw = grow.one_of("", "", "", "cut", "axis", "forms", "shared", "both")
    direction = "bidirectional" if flaw == "both" else grow.one_of("forward", "reverse")
    data = _turned(grow, grow.input((3, 2, 2)), int(flaw == "axis"), flaw=flaw)
    y, *states = layer(grow, direction=direction, data=grow.maybe_shared(data))
    if flaw == "shared":
        y = grow.maybe_shared(y)
    match grow.one_of("", "transpose", "squeeze"):
        case "transpose":
            y = _turned(grow, grow.op("Transpose", y, perm=(2, 1, 3, 0)), 3)
        case "squeeze" if direction != "bidirectional":
            y = _turned(grow, grow.with_ints("Squeeze", y, since=13, axes=[1]), 0)
        case _:
            y = _turned(grow, y, 0)
    return some(grow, [y, *states])


def test_whatever_stands_between_slices() -> None:
    hold(RnnReverse(), between_slices, opsets=(12, 13, 18, 21), examples=18, least=0.15)


def reversed_layers(grow: Grower) -> Sequence[ir.Value]:
    direction = grow.one_of("forward", "reverse", "reverse", "bidirectional")
    return some(grow, layer(grow, direction=direction))


def test_whatever_runs_in_reverse() -> None:
    hold(RnnReverse(mode=Mode.SLICE), reversed_layers, examples=25, least=0.2)

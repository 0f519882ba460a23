"""The mod pass on random integers."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix_passes.mod import Mod
from tests.passes.random_graphs import Grower, hold


def remainders(grow: Grower) -> Sequence[ir.Value]:
    dtype = grow.one_of(np.int64, np.int32, np.int64, np.int8, np.uint8)
    shape = grow.shape(max_rank=2)
    dividend = grow.input(shape, dtype)
    if grow.chance(20):
        dividend, dtype = grow.op("Size", grow.input(shape)), np.int64
    numbers = (1, 2, 3, 127) if dtype is np.uint8 else (1, 2, 3, -1, -2, -3, 127)
    divisor = grow.one_of(numbers[0], *numbers)
    given = grow.const(grow.one_of(divisor, [divisor, grow.one_of(*numbers)][:1]), dtype)
    return [grow.op("Mod", dividend, given, fmod=grow.one_of(0, 0, 0, 1))]


def test_whatever_is_left_over() -> None:
    hold(Mod(), remainders, opsets=(10, 13, 18, 21), examples=40, least=0.3)

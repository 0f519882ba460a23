"""The reshape-merge pass on random graphs."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix_passes.reshape_merge import ReshapeMerge
from tests.passes.random_graphs import Grower, hold


def views(grow: Grower) -> Sequence[ir.Value]:
    value, rank = grow.input((1, 2, 3)), 3
    for _ in range(grow.number(1, 4)):
        match grow.one_of("Reshape", "Transpose", "Flatten", "Exp"):
            case "Reshape":
                shape = grow.one_of((1, 6), (3, 2, 1), (-1, 1), (2, 3), (0, -1))
                value = grow.op("Reshape", value, grow.const(shape, dtype=np.int64))
                rank = len(shape)
            case "Transpose":
                value = grow.op("Transpose", value, perm=grow.permutation(rank))
            case "Flatten":
                value, rank = grow.op("Flatten", value, axis=grow.number(0, rank)), 2
            case _:
                value = grow.op("Exp", value)
        value = grow.maybe_shared(value)
    return [value]


def test_whatever_is_viewed() -> None:
    hold(ReshapeMerge(), views, least=0.2)

"""The gather-negative pass on random indices, and on some that are out of range."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix.model import from_text
from graphfix.rewrite import PassContext
from graphfix_passes.gather_negative import GatherNegative
from tests.passes.random_graphs import Grower, hold


def gathers(grow: Grower) -> Sequence[ir.Value]:
    shape = grow.shape(min_rank=1, max_rank=3)
    value = grow.unary(grow.input(shape))
    axis = grow.number(-len(shape), len(shape) - 1)
    size = shape[axis]
    dtype = grow.one_of(np.int64, np.int32)
    some = [grow.number(-size, size - 1) for _ in range(grow.number(1, 3))]
    match grow.one_of("Gather", "GatherElements", "GatherND"):
        case "Gather":
            chosen = grow.const(grow.one_of(some, some[0], [some]), dtype)
            return [grow.op("Gather", value, chosen, axis=axis)]
        case "GatherElements":
            indices = np.resize(
                some, [1 if k != axis % len(shape) else 2 for k in range(len(shape))]
            )
            return [grow.op("GatherElements", value, grow.const(indices, dtype), axis=axis)]
        case _:
            point = [[grow.number(-n, n - 1) for n in shape[: grow.number(1, len(shape))]]]
            return [grow.op("GatherND", value, grow.const(point, np.int64))]


def test_whatever_is_gathered() -> None:
    hold(GatherNegative(), gathers, opsets=(11, 13, 18, 21), least=0.2)


def test_an_index_out_of_range_stays_one() -> None:
    model = from_text(
        """
        <ir_version: 8, opset_import: ["" : 13]>
        main (float[3] x) => (float[2] y) <int64[2] k = {-1, -4}> { y = Gather (x, k) }
        """
    )
    (skip,) = GatherNegative().run(model, PassContext()).skips
    assert skip.reason == "an index is before the first element"

"""The reduce-axes pass on random reductions."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix_passes.reduce_axes import ReduceAxes
from tests.passes.random_graphs import Grower, hold


def reductions(grow: Grower) -> Sequence[ir.Value]:
    shape = grow.shape(min_rank=1, max_size=9)
    value = grow.unary(grow.input(shape, grow.one_of(np.float32, np.float16)))
    op_type = grow.one_of(*ReduceAxes.match_ops)
    keepdims = grow.one_of(0, 1)
    if grow.chance(30):
        since = 13 if op_type == "ReduceSum" else 18
        axes = [grow.number(-len(shape), len(shape) - 1)] if grow.chance(50) else []
        made = grow.with_ints(op_type, value, since=since, axes=axes)
    else:
        made = grow.op(op_type, value, keepdims=keepdims)
    return [grow.unary(made)]


def test_whatever_reduces() -> None:
    hold(ReduceAxes(), reductions, examples=100, least=0.4)

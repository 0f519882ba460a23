"""The attention-scores pass on random scores and masks."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix_passes.attention_scores import AttentionScores
from tests.passes.random_graphs import Grower, hold


def attention(grow: Grower) -> Sequence[ir.Value]:
    sizes = batch, heads, queries, keys = tuple(grow.number(1, 3) for _ in range(4))
    q, k = grow.input((batch, heads, queries, 2)), grow.input((batch, heads, 2, keys))
    value = grow.op("MatMul", q, k)
    kind = grow.one_of("Div", "Mul", "")
    if kind:
        number = grow.const(grow.one_of(2.0, 3.0, 0.7))
        swapped = kind == "Mul" and grow.chance(50)
        value = grow.op(kind, *((number, value) if swapped else (value, number)))
    if grow.chance(70):
        shape = [size if grow.chance(50) else 1 for size in sizes][grow.number(0, 2) :]
        mask = grow.const(np.arange(np.prod(shape)).reshape(shape))
        terms = (value, mask) if grow.chance(50) else (mask, value)
        value = grow.op("Add", *(grow.maybe_shared(term) for term in terms))
    return [grow.op("Softmax", value, axis=3)]


def test_whatever_the_mask() -> None:
    hold(AttentionScores(), attention, examples=50, least=0.3)

"""The token-pad pass on random layers of transformers."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix_passes.token_pad import TokenPad
from tests.passes.random_graphs import Grower, hold

WIDTH = 2


def layers(grow: Grower) -> Sequence[ir.Value]:
    tokens = grow.one_of(3, 5, 2, 4)
    value = grow.input((grow.number(1, 2), tokens, WIDTH))
    for _ in range(grow.number(1, 2)):
        value = _attention(grow, value, tokens)
        if grow.chance(30):
            value = _odd(grow, value, tokens)
    return [value]


def _attention(grow: Grower, value: ir.Value, tokens: int) -> ir.Value:
    weights = grow.const(np.linspace(-1, 1, WIDTH * WIDTH).reshape(WIDTH, WIDTH))
    normal = grow.op("MatMul", value, weights)
    parts = []
    for order in ((0, 2, 1, 3), (0, 2, 3, 1), (0, 2, 1, 3)):
        shape = grow.one_of((0, 0, 2, 1), (-1, tokens, 2, 1), (0, -1, 2, 1))
        split = grow.op("Reshape", normal, grow.const(shape, np.int64))
        parts.append(grow.maybe_shared(grow.op("Transpose", split, perm=order)))
    scores = grow.maybe_shared(grow.op("MatMul", parts[0], parts[1]))
    if grow.chance(50):
        sizes = grow.one_of([tokens, tokens], [tokens], [1, 1, tokens], [1])
        odd = np.arange(np.prod(sizes)).reshape(sizes) % 2
        odd[..., :1] = 0
        scores = grow.op("Add", scores, grow.const(np.where(odd, grow.one_of(-1.0, -np.inf), 0)))
    softened = grow.maybe_shared(grow.op("Softmax", scores, axis=3))
    mixed = grow.op("MatMul", softened, parts[2])
    turned = grow.op("Transpose", mixed, perm=(0, 2, 1, 3))
    joined = grow.op("Reshape", turned, grow.const((0, 0, WIDTH), np.int64))
    return grow.op("Add", value, joined)


def _odd(grow: Grower, value: ir.Value, tokens: int) -> ir.Value:
    kind = grow.one_of("places", "mixed", "mean")
    if kind == "places":
        return grow.op("Add", value, grow.const(np.arange(tokens * WIDTH).reshape(tokens, WIDTH)))
    if kind == "mean":
        return grow.op("Add", value, grow.with_ints("ReduceMean", value, since=18, axes=(1,)))
    mix = grow.const(np.arange(tokens * tokens).reshape(tokens, tokens) / 9)
    return grow.op("MatMul", mix, value)


def test_whatever_the_layers() -> None:
    hold(TokenPad(multiple=4), layers, examples=20, least=0.2)

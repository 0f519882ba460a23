"""The large-conv-split pass on random convolutions, with a small limit."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix.rewrite.rewriter import AttrValue
from graphfix_passes.large_conv_split import LargeConvSplit
from tests.passes.random_graphs import Grower, hold


def convolutions(grow: Grower) -> Sequence[ir.Value]:
    rank, group = grow.one_of(1, 2), grow.one_of(1, 2)
    x = grow.input((2, 2, *(grow.number(9, 12) for _ in range(rank))))
    kernel = [grow.number(1, 5) for _ in range(rank)]
    rng = np.random.default_rng(grow.number(0, 99))
    attributes: dict[str, AttrValue] = {
        "strides": [grow.number(1, 3) for _ in range(rank)],
        "dilations": [grow.number(1, 2) for _ in range(rank)],
        "group": group,
    }
    if grow.chance(60):
        attributes["pads"] = [grow.number(0, 4) for _ in range(2 * rank)]
    elif grow.chance(30):
        attributes["auto_pad"] = grow.one_of("VALID", "SAME_UPPER")
    weights = grow.const(rng.normal(size=(4, 2 // group, *kernel)))
    bias = [grow.const(rng.normal(size=4))] if grow.chance(50) else []
    return [grow.op("Conv", x, weights, *bias, **attributes)]


def test_whatever_is_too_long() -> None:
    hold(LargeConvSplit(side=2), convolutions, examples=40, least=0.3)

"""The selu pass on random constants."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix_passes.selu import Selu
from tests.passes.random_graphs import Grower, hold


def selus(grow: Grower) -> Sequence[ir.Value]:
    data = grow.unary(grow.input(grow.shape(), grow.one_of(np.float32, np.float16)))
    given = {name: grow.one_of(0.5, 1.5, 2.0) for name in ("alpha", "gamma") if grow.chance(60)}
    return [grow.op("Selu", data, **dict(given))]


def test_whatever_its_constants_are() -> None:
    hold(Selu(), selus, opsets=(9, 13, 18, 21), examples=40, least=0.3)

"""The gru-reset pass on random GRUs."""

from collections.abc import Sequence

import onnx_ir as ir

from graphfix_passes.gru_reset import GruReset
from tests.passes.random_graphs import Grower, hold
from tests.passes.random_rnns import layer, some


def grus(grow: Grower) -> Sequence[ir.Value]:
    direction = grow.one_of("forward", "reverse", "bidirectional")
    return some(grow, layer(grow, op_types=["GRU"], direction=direction))


def test_whatever_grus_have() -> None:
    hold(GruReset(), grus, opsets=(9, 11, 13, 18, 21), examples=12, least=0.2)

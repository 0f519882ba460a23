"""The rnn-split pass on random recurrent layers."""

from collections.abc import Sequence

import onnx_ir as ir

from graphfix_passes.rnn_split import RnnSplit
from tests.passes.random_graphs import Grower, hold
from tests.passes.random_rnns import layer, some


def layers(grow: Grower) -> Sequence[ir.Value]:
    direction = grow.one_of("bidirectional", "bidirectional", "reverse")
    return some(grow, layer(grow, direction=direction))


def test_whatever_layers_have() -> None:
    hold(RnnSplit(), layers, opsets=(9, 11, 13, 18, 21), examples=20, least=0.3)

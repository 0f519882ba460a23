"""The rnn-unroll pass on random recurrent layers."""

from collections.abc import Sequence

import onnx_ir as ir

from graphfix.rewrite.select import Selector
from graphfix_passes.rnn_unroll import RnnUnroll
from tests.passes.random_graphs import Grower, hold
from tests.passes.random_rnns import layer, some


def layers(grow: Grower) -> Sequence[ir.Value]:
    return some(grow, layer(grow, direction=grow.one_of("forward", "reverse", "bidirectional")))


def test_whatever_layers_have() -> None:
    item = RnnUnroll(select=Selector("op=LSTM|GRU|RNN"))
    hold(item, layers, opsets=(9, 11, 13, 18, 21), examples=16, least=0.3)

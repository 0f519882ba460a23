"""The rnn-unroll pass on random recurrent layers."""

from collections.abc import Sequence

import onnx_ir as ir

from graphfix.model import from_text
from graphfix.rewrite import PassContext
from graphfix.rewrite.select import Selector
from graphfix_passes.rnn_unroll import RnnUnroll
from tests.passes.random_graphs import Grower, hold
from tests.passes.random_rnns import layer, some


def layers(grow: Grower) -> Sequence[ir.Value]:
    return some(grow, layer(grow, direction=grow.one_of("forward", "reverse", "bidirectional")))


def test_whatever_layers_have() -> None:
    item = RnnUnroll(select=Selector("op=LSTM|GRU|RNN"))
    hold(item, layers, opsets=(9, 11, 13, 18, 21), examples=16, least=0.3)


def test_no_steps_stay() -> None:
    """Which end the process in onnxruntime 1.23."""
    model = from_text(
        """
        <ir_version: 8, opset_import: ["" : 13]>
        main (float[0,1,1] x, float[1,1,1] w) => (float[1,1,1] h)
        { y, h = RNN <hidden_size = 1> (x, w, w) }
        """
    )
    (skip,) = RnnUnroll().run(model, PassContext()).skips
    assert skip.reason == "it has 0 steps, and limit=128"

"""The ``rnn-states`` pass: what LSTM, GRU and RNN would start from anyway."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from graphfix.contract import Exact
from graphfix.rewrite import RewritePass, Rewriter, Skip
from graphfix_passes import _rnn
from graphfix_passes._rnn import LENGTHS

_STATES = (_rnn.INITIAL_H, _rnn.INITIAL_C)
_MOVES = ("Cast", "Expand", "Identity", "Reshape", "Slice", "Squeeze", "Tile", "Transpose")
"""What makes zeros of zeros, whatever else it reads."""
_DEEPEST = 8


@dataclass(frozen=True, kw_only=True)
class RnnStates(RewritePass):
    """Leave out initial states of zeros, and lengths that are those of the data.

    Why
        Exporters build states of zeros from the batch size, by Shape, ConstantOfShape and Expand;
        ATC takes such a shape for dynamic. The lengths keep it from a static kernel, too.

    Rewrites
        LSTM, GRU and RNN:

        1. ``initial_h`` and ``initial_c`` that are zeros, constant or made by ConstantOfShape, go,
           as the operators start from zeros by default.
        2. ``sequence_lens`` goes when it is a constant that says the known length for each row.

        What only computed them is gone.

    Leaves alone
        States that may be something else. Lengths that are computed, or shorter, or whose axis is
        open.
    """

    name = "rnn-states"
    match_ops = _rnn.OPERATORS
    contract = Exact()
    must_match = False
    reads_shapes = True

    def rewrite(self, node: ir.Node, rw: Rewriter) -> Sequence[ir.Value] | Skip | None:
        """Restate the node without them."""
        inputs: list[ir.Value | None] = list(node.inputs)
        kept = []
        for port in (LENGTHS, *_STATES):
            value = rw.input(node, port)
            if value is None:
                continue
            if _rnn.is_full(value, node, rw) if port == LENGTHS else _is_zero(value, rw):
                inputs[port] = None
            else:
                kept.append("lengths" if port == LENGTHS else "states")
        if inputs != list(node.inputs):
            return rw.restate(node, inputs)
        return rw.skip(f"its {' and '.join(dict.fromkeys(kept))} may differ") if kept else None


def _is_zero(value: ir.Value | None, rw: Rewriter) -> bool:
    """Whether all elements are +0."""
    for _ in range(_DEEPEST):
        array = rw.constant(value)
        if array is not None:
            return bool((array == 0).all()) and not np.signbit(array).any()
        maker = rw.producer(value, "ConstantOfShape", *_MOVES)
        if maker is None:
            return False
        if maker.op_type == "ConstantOfShape":
            filled = maker.attributes.get("value")
            if filled is None:
                return True
            return not filled.is_ref() and not filled.as_tensor().numpy().tobytes().strip(b"\0")
        value = maker.inputs[0]
    return False

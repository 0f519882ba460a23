"""The ``rnn-unroll`` pass: recurrent layers that the target does not have."""

from collections.abc import Sequence
from dataclasses import dataclass

import onnx_ir as ir

from graphfix.contract import Close
from graphfix.rewrite import RewritePass, Rewriter, Skip
from graphfix_passes import _rnn
from graphfix_passes._rnn_unroll import unroll


@dataclass(frozen=True, kw_only=True)
class RnnUnroll(RewritePass):
    """Unroll RNN, and LSTM and GRU of an unusual kind, into their steps.

    Why
        ATC has no plugin for RNN. Of LSTM and GRU it reads neither activations nor ``clip``,
        ``input_forget`` and peepholes, and computes the usual cell without a word.

    Rewrites
        1. Every RNN.
        2. LSTM and GRU with other activations, ``clip``, ``input_forget``, or peepholes other than
           zero. With ``select`` every LSTM and GRU that is selected.

        The product with the inputs is one MatMul for all steps; each step is a MatMul, activations
        and arithmetic. Both directions and layouts, initial states and lengths are kept: a row that
        has ended keeps its state and gives zeros.

    Leaves alone
        A number of steps that is not known (``dynamic-shape`` fixes it), or more than ``limit``
        steps. An activation without a parameter that has no default. A layer that nothing reads.

    Numerics
        Sums are added in another order: both biases at once, and what a GRU computes as
        (1 - z) n + z h as n + z (h - n). Each step starts from the errors of the one before it.
        ``clip`` bounds what the gates get, as in onnxruntime, and not the state of an LSTM's cell.
    """

    name = "rnn-unroll"
    match_ops = _rnn.OPERATORS
    contract = Close()
    must_match = False
    reads_shapes = True

    limit: int = 128
    """The largest number of steps that are unrolled."""

    def rewrite(self, node: ir.Node, rw: Rewriter) -> Sequence[ir.Value | None] | Skip | None:
        """Unroll one layer."""
        if node.op_type != "RNN" and self.select is None and _rnn.is_usual(node, rw):
            return None
        return unroll(node, self.limit, rw)

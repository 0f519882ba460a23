"""The ``gru-reset`` pass: GRUs that reset their state before they multiply it."""

from collections.abc import Sequence
from dataclasses import dataclass

import onnx_ir as ir

from graphfix.contract import Close
from graphfix.rewrite import RewritePass, Rewriter, Skip
from graphfix_passes._rnn_unroll import unroll


@dataclass(frozen=True, kw_only=True)
class GruReset(RewritePass):
    """Unroll a GRU with linear_before_reset=0, which ATC computes as 1.

    Why
        ATC does not read the attribute, and its DynamicGRUV2 applies the reset gate behind the
        matrix product (reset_after). 0 is ONNX's default and what Keras exports for
        ``reset_after=False``; the results are wrong without a word.

    Rewrites
        The product with the inputs is one MatMul for all steps; each step is MatMul, Sigmoid, Tanh
        and arithmetic. Both directions and layouts, initial states, lengths, other activations and
        ``clip`` are kept: a row that has ended keeps its state and gives zeros.

    Leaves alone
        A GRU with linear_before_reset=1. A number of steps that is not known (``dynamic-shape``
        fixes it), or more than ``limit`` steps. An activation without a parameter that has no
        default. A layer that nothing reads.

    Numerics
        Sums are added in another order: both biases at once, and (1 - z) n + z h as n + z (h - n).
        Each step starts from the errors of the one before it.
    """

    name = "gru-reset"
    match_ops = ("GRU",)
    contract = Close()
    must_match = False
    reads_shapes = True

    limit: int = 128
    """The largest number of steps that are unrolled."""

    def rewrite(self, node: ir.Node, rw: Rewriter) -> Sequence[ir.Value | None] | Skip | None:
        """Unroll one GRU."""
        if rw.attr_int(node, "linear_before_reset", 0):
            return None
        return unroll(node, self.limit, rw)

"""The ``mish`` pass: Mish and its parts."""

from dataclasses import dataclass

import onnx_ir as ir

from graphfix.rewrite import RewritePass, Rewriter, Skip
from graphfix_passes._opset.activation import mish
from graphfix_passes._restoring import Mode, refusal

_SINCE = 18


@dataclass(frozen=True, kw_only=True)
class Mish(RewritePass):
    """Replace Mish by x * Tanh(Softplus(x)), or such parts by Mish.

    Why
        ATC knows Mish at opset 18 only; Softplus, Tanh and Mul it knows in all.

    Rewrites
        1. decompose: Mish becomes ``x * Tanh(Softplus(x))``.
        2. restore: that becomes Mish.

    Leaves alone
        Parts in a model whose opset has no Mish.

    Numerics
        The parts round more often.
    """

    name = "mish"
    example = "mish{mode=restore}"
    match_ops = ("Mish", "Mul")
    must_match = False

    mode: Mode = Mode.DECOMPOSE
    """decompose: Mish into its parts; restore: Mish from its parts."""

    def matches(self, node: ir.Node) -> bool:
        """Mish, or what it may end in."""
        return super().matches(node) and ((node.op_type == "Mish") is (self.mode is Mode.DECOMPOSE))

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip | None:
        """Take the node apart, or put what it is the end of together."""
        if self.mode is Mode.DECOMPOSE:
            return mish(node, rw)
        for gate, data in (node.inputs, reversed(node.inputs)):
            tanh = rw.producer(gate, "Tanh")
            softplus = rw.producer(tanh.inputs[0], "Softplus") if tanh is not None else None
            if softplus is not None and data is not None and softplus.inputs[0] is data:
                return refusal("Mish", _SINCE, data, rw) or rw.op("Mish", data)
        return None

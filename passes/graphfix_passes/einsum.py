"""The ``einsum`` pass: sums of products as MatMul and what it needs."""

from dataclasses import dataclass

import onnx_ir as ir

from graphfix.rewrite import RewritePass, Rewriter, Skip
from graphfix_passes._opset.einsum import einsum


@dataclass(frozen=True, kw_only=True)
class Einsum(RewritePass):
    """Replace Einsum by Transpose, Reshape, MatMul, Mul and ReduceSum.

    Why
        ATC's kernel for Einsum runs on the CPU of the device, or there is none; MatMul runs on the
        AI Core.

    Rewrites
        Two operands at a time: axes that only one of them has and the result has not are summed;
        what both have and the result needs is a batch; what both have and the result has not is
        multiplied by MatMul; without such an axis it is a Mul. Transposes bring the axes in order,
        and Reshapes make one axis of several. ``...`` and an equation without result are expanded.

    Leaves alone
        An equation that takes a diagonal (``ii->i``), or that broadcasts an axis. One with ``...``
        when a rank is not known.

    Numerics
        The sums have another order.
    """

    name = "einsum"
    match_ops = ("Einsum",)
    must_match = False
    reads_shapes = True

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip:
        """Build the operators that compute the same."""
        return einsum(node, rw)

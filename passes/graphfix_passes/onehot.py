"""The ``onehot`` pass: the axis of OneHot."""

from collections.abc import Sequence
from dataclasses import dataclass

import onnx_ir as ir

from graphfix.contract import Exact
from graphfix.rewrite import RewritePass, Rewriter, Skip
from graphfix_passes._known import rank


@dataclass(frozen=True, kw_only=True)
class Onehot(RewritePass):
    """Count the axis of a OneHot from the front.

    Why
        ATC's documentation excludes an axis below -1.

    Rewrites
        The axis is counted among the dims of the result, of which there is one more than of the
        indices.

    Leaves alone
        An axis of -1 or more. Indices of an unknown rank.
    """

    name = "onehot"
    match_ops = ("OneHot",)
    contract = Exact()
    must_match = False
    reads_shapes = True

    def rewrite(self, node: ir.Node, rw: Rewriter) -> Sequence[ir.Value] | Skip | None:
        """Restate the node with another axis."""
        axis, count = rw.attr_int(node, "axis", -1), rank(node.inputs[0])
        if axis >= -1:
            return None
        if count is None:
            return rw.skip("the rank of its indices is not known")
        return rw.restate(node, axis=axis + count + 1)

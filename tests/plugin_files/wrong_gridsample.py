"""A pass that is wrong on purpose: it samples the nearest point where bilinear was asked for."""

import onnx_ir as ir

from graphfix.contract import Close
from graphfix.rewrite import RewritePass, Rewriter, Skip


class WrongGridSample(RewritePass):
    """Replace bilinear GridSample by the nearest point, and claim that nothing changed."""

    name = "wrong-gridsample"
    match_ops = ("GridSample",)
    contract = Close()

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip:
        """Copy the node with another mode."""
        return rw.copy(node, mode="nearest")

"""The ``shape-range`` pass: Shape of some of the dims."""

from dataclasses import dataclass

import onnx_ir as ir

from graphfix.contract import Exact
from graphfix.rewrite import RewritePass, Rewriter
from graphfix_passes._opset.forms import shape_range


@dataclass(frozen=True, kw_only=True)
class ShapeRange(RewritePass):
    """Replace a Shape of some of the dims by a Shape of all and a Slice.

    Why
        ATC's plugin reads neither ``start`` nor ``end`` and gives all dims, so that what follows
        takes the wrong ones, without a message.

    Rewrites
        A Shape with ``start`` or ``end``, which are there from opset 15 on. The Slice clamps them
        as Shape does. ``fold-shapes`` makes a constant of the result where the sizes are known.
    """

    name = "shape-range"
    match_ops = ("Shape",)
    contract = Exact()
    must_match = False

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | None:
        """Ask for all dims and cut."""
        return shape_range(node, rw)

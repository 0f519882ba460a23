"""The ``resize1d-to-resize2d`` pass: a Resize of sequences as one of flat pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

import onnx_ir as ir

from graphfix.contract import Close, Contract, Exact
from graphfix.rewrite import Rewrite, RewritePass, Rewriter, Skip
from graphfix_passes._axes import squeezed, unsqueezed
from graphfix_passes._resize_rank import Spatial, conclude, spatial

_WIDTH_ALONE = 3
"""Where the new axis of size 1 goes: batch, channels, length, 1."""


@dataclass(frozen=True, kw_only=True)
class Resize1dToResize2d(RewritePass):
    """Replace a Resize of three dims by one of four, the last of which is 1.

    Why
        ATC takes dims 2 and 3 of a nearest Resize for height and width, and three dims have no
        fourth; for linear, GE describes four dims as well. Networks for sound upsample sequences.

    Rewrites
        Unsqueeze, the Resize of [N, C, L, 1], Squeeze. Coordinates, rounding and whether scales or
        sizes are given stay.

    Leaves alone
        Data of other than three dims, or of unknown length. Scales or sizes that are computed, and
        ones that change batch or channels. Other modes and coordinates. What opset 18 brought:
        axes, antialias and policies.

    Numerics
        Nearest takes the same points; another kernel may add linear in another order.
    """

    name = "resize1d-to-resize2d"
    match_ops = ("Resize", "Upsample")
    contract = Close()
    must_match = False
    reads_shapes = True

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip | None:
        """Resize with one axis more."""
        found = spatial(node, 3, rw)
        if not isinstance(found, Spatial):
            return found
        value = unsqueezed(rw, found.resizing.data, [_WIDTH_ALONE])
        value = found.restated(value, 1, (0, None), rw)
        rw.promise(Close() if found.resizing.mode == "linear" else Exact())
        return squeezed(rw, value, [_WIDTH_ALONE])

    def conclude(self, rewrites: Sequence[Rewrite], rw: Rewriter) -> Contract:
        """Exact where every site is."""
        return conclude(rewrites)

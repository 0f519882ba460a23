"""The ``resize3d-split`` pass: a Resize of volumes as two of pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import onnx_ir as ir

from graphfix.contract import Close, Contract, Exact
from graphfix.rewrite import Rewrite, RewritePass, Rewriter, Skip
from graphfix_passes._resize_rank import Spatial, conclude, spatial


@dataclass(frozen=True, kw_only=True)
class Resize3dSplit(RewritePass):
    """Replace a Resize of five dims by one over height and width and one over depth.

    Why
        ATC documents five dims for linear with align_corners or pytorch_half_pixel alone, and in
        nearest mode it takes dims 2 and 3 for height and width whatever the rank is. 3D U-Net for
        Ascend is rewritten like this by hand.

    Rewrites
        Height and width are resized in [N, C x D, H, W], then the depth in [N, C, D, H x W], whose
        last axis keeps its size. An axis that keeps its size needs no Resize. Coordinates, rounding
        and whether scales or sizes are given stay.

    Leaves alone
        Data of other than five dims, or of which depth, height or width is not known. Scales or
        sizes that are computed, and ones that change batch or channels. Other modes and
        coordinates, which do not treat axes alone or move the points of an axis that keeps its
        size; a scale near 1 that keeps it. What opset 18 brought: axes, antialias and policies.
        Linear for integers, which are rounded in between.

    Numerics
        Nearest takes the same points; linear adds in another order, and rounds in between.
    """

    name = "resize3d-split"
    match_ops = ("Resize", "Upsample")
    contract = Close()
    must_match = False
    reads_shapes = True

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip | None:
        """Resize pictures, then columns."""
        found = spatial(node, 5, rw)
        if not isinstance(found, Spatial):
            return found
        (deep, high, wide), sizes = found.before, found.after
        picture, depth = sizes[1:] != (high, wide), sizes[0] != deep
        scales = found.scales or (1.0, 1.0, 1.0)
        if (scales[1:] != (1.0, 1.0) and not picture) or (scales[0] != 1.0 and not depth):
            return rw.skip("a scale other than 1 keeps the size, about which runtimes differ")
        data = found.resizing.data
        linear = found.resizing.mode == "linear"
        if linear and picture and depth and (data.dtype is None or data.dtype.is_integer()):
            return rw.skip("linear rounds integers in between")
        value = data
        if picture or not depth:
            value = rw.op("Reshape", value, rw.const([0, -1, high, wide]))
            value = found.restated(value, deep, (1, 2), rw)
        if depth:
            value = rw.op("Reshape", value, rw.const([0, -1, deep, prod(sizes[1:])]))
            value = found.restated(value, 1, (0, None), rw)
        rw.promise(Close() if linear else Exact())
        return rw.op("Reshape", value, rw.const([0, -1, *sizes]))

    def conclude(self, rewrites: Sequence[Rewrite], rw: Rewriter) -> Contract:
        """Exact where every site is."""
        return conclude(rewrites)

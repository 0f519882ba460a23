"""The ``resize-canonical`` pass: every Resize said in full, in the way all readers take."""

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from graphfix.contract import Exact
from graphfix.rewrite import RewritePass, Rewriter, Skip
from graphfix.rewrite.symbolic import Number, Size, Undecided, compare, floor_division
from graphfix_passes._resize import CROP, Resizing, read


@dataclass(frozen=True, kw_only=True)
class ResizeCanonical(RewritePass):
    """Write out the attributes and inputs of Resize, and half_pixel as pytorch_half_pixel.

    Why
        ATC refuses a Resize with fewer than three inputs, does not know ONNX's defaults for absent
        attributes, and in the releases of 2022 took half_pixel, the default, for asymmetric;
        pytorch_half_pixel they read. onnxruntime refuses an absent roi before opset 13.

    Rewrites
        1. mode, coordinate_transformation_mode and, for nearest, nearest_mode are written.
        2. half_pixel becomes pytorch_half_pixel where no resized axis gets only one point: that is
           the same arithmetic.
        3. An unused roi, and the scales beside sizes, are an empty name from opset 13 on, and an
           empty tensor before. A roi is used by tf_crop_and_resize only.

    Leaves alone
        A Resize before opset 11, which has no such attributes. half_pixel where a resized axis may
        get only one point: half_pixel takes it from the middle, pytorch_half_pixel from the start.
    """

    name = "resize-canonical"
    match_ops = ("Resize",)
    contract = Exact()
    reads_shapes = True

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip:
        """Write one Resize out, if it is not."""
        if rw.opset < 11:
            return rw.satisfied(f"at opset {rw.opset} it has no attributes but mode")
        resizing = read(node, rw)
        coordinates = resizing.coordinates
        short = ""
        if coordinates == "half_pixel":
            short = _may_be_one_point(resizing, rw)
            coordinates = coordinates if short else "pytorch_half_pixel"
        wanted = {"coordinate_transformation_mode": coordinates, "mode": resizing.mode}
        if resizing.mode == "nearest":
            wanted["nearest_mode"] = resizing.nearest_mode
        inputs = _inputs(resizing, rw)
        written = {name: rw.attr_str(node, name, "") for name in wanted}
        if written == wanted and inputs == tuple(node.inputs):
            if short:
                return rw.skip(f"half_pixel stays: {short}")
            return rw.satisfied("it is written in full")
        if short:
            rw.note(f"half_pixel stays: {short}")
        return rw.copy(node, *inputs, **wanted)


def _inputs(resizing: Resizing, rw: Rewriter) -> tuple[ir.Value | None, ...]:
    roi = resizing.roi if resizing.coordinates == CROP else None
    slots: list[ir.Value | None] = [resizing.data, roi, resizing.scales]
    if resizing.sizes is not None:
        slots.append(resizing.sizes)
    if rw.opset >= 13:
        return tuple(slots)
    return tuple(_filled(resizing, port, value, rw) for port, value in enumerate(slots))


def _filled(resizing: Resizing, port: int, value: ir.Value | None, rw: Rewriter) -> ir.Value | None:
    """The input, or an empty tensor: the one that is there, if so."""
    if value is not None:
        return value
    there = rw.input(resizing.node, port)
    empty = there is not None and rw.facts.dims(there) == (0,)
    return there if empty else rw.const(np.zeros(0, np.float32))


def _may_be_one_point(resizing: Resizing, rw: Rewriter) -> str:
    """Which axis may get only one point although it is resized; empty when none."""
    dims = resizing.dims(rw)
    known = rw.facts.value(resizing.sizes or resizing.scales)
    if known is None or dims is None:
        return "the sizes of its output are not known"
    for axis, (dim, given) in enumerate(zip(dims, known.sizes, strict=True)):
        if given is None or not _is_safe(dim, given, scales=resizing.sizes is None):
            number = axis if resizing.axes is None else resizing.axes[axis]
            return f"axis {number} may get only one point"
    return ""


def _is_safe(dim: Size, given: Number, *, scales: bool) -> bool:
    """Whether an axis keeps its size, or gets two points or more."""
    if given == (1 if scales else dim):
        return True
    try:
        return compare(floor_division(given * dim, 1) if scales else given, 1) > 0
    except Undecided:
        return False

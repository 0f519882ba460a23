"""The ``slice-negative-step`` pass: axes that a Slice turns round."""

from dataclasses import dataclass

import onnx_ir as ir

from graphfix.contract import Exact
from graphfix.rewrite import RewritePass, Rewriter, Skip
from graphfix_passes._known import dims
from graphfix_passes._slices import cuts, restated

_ENDS = (2**31 - 1, 2**63 - 1)
"""ONNX clamps them to the last element, so that nothing is left; onnxruntime takes all."""


@dataclass(frozen=True, kw_only=True)
class SliceNegativeStep(RewritePass):
    """Replace a Slice with a negative step by a Gather of the same elements.

    Why
        ATC documents a step of 1 along the last axis alone, and its kernel for the others runs on
        the CPU of the device when the step is not positive; Gather runs on the AI Core.

    Rewrites
        Each axis that is turned round becomes a Gather with constant indices, which are clamped as
        Slice clamps its limits. Axes with positive steps stay a Slice, in front.

    Leaves alone
        Limits, axes or steps that are computed. An axis whose size is not known. An axis that is
        named twice, which means nothing. An end at the largest integer, about which ONNX and
        onnxruntime differ.
    """

    name = "slice-negative-step"
    match_ops = ("Slice",)
    contract = Exact()
    must_match = False
    reads_shapes = True

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip | None:
        """Gather what is kept of each axis that is turned round."""
        steps = rw.ints(rw.input(node, 4))
        if not rw.has_input(node, 4) or (steps is not None and min(steps, default=1) > 0):
            return None
        known = dims(node.inputs[0])
        kept = cuts(node, known, rw)
        if isinstance(kept, Skip):
            return kept
        turned = {axis: cut for axis, cut in kept.items() if cut[2] < 0}
        if any(end in _ENDS for _, end, _ in turned.values()):
            return rw.skip(
                "ONNX and onnxruntime differ about a backward end at the largest integer"
            )
        sizes = {axis: known[axis] if known is not None else None for axis in turned}
        for axis, size in sizes.items():
            if not isinstance(size, int):
                return rw.skip(f"the size of axis {axis} is not known")
        value = node.inputs[0]
        if len(turned) < len(kept):
            rest = {axis: cut for axis, cut in kept.items() if cut[2] > 0}
            (value,) = restated(node, value, rest, rw)
        for axis, (start, end, step) in turned.items():
            size = sizes[axis]
            assert isinstance(size, int)
            indices = rw.const(list(range(size)[start:end:step]))
            value = rw.op("Gather", value, indices, axis=axis)
        return value

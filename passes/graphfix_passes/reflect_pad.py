"""The ``reflect-pad`` pass: borders that repeat what is inside."""

from dataclasses import dataclass

import onnx_ir as ir

from graphfix.contract import Exact
from graphfix.rewrite import RewritePass, Rewriter, Skip
from graphfix_passes._pads import amounts
from graphfix_passes._slices import taken

_MODES = ("edge", "reflect")


@dataclass(frozen=True, kw_only=True)
class ReflectPad(RewritePass):
    """Replace Pad with mode reflect or edge by Slices or Gathers of the borders and Concat.

    Why
        ATC makes MirrorPad of reflect before opset 11, and the kernel for known sizes that PadV3
        became afterwards had the mode constant alone as of 2022 (canndev: pad_v3_d.py); the other
        modes had a kernel for sizes of run time, or the CPU of the device. Slice, Gather and Concat
        have AI Core kernels in every release. Image translation (CycleGAN) and super-resolution pad
        like this in front of convolutions.

    Rewrites
        Axis by axis, the last one first: what stands in front, the data, and what stands behind. A
        border of one element is a Slice; a wider one is a Gather with constant indices, which turns
        it round for reflect and repeats it for edge.

    Leaves alone
        The mode constant; wrap, which the pass ``opset`` takes apart. Pads that are computed or cut
        something off. An axis that is padded and whose size is not known, or has too few elements,
        with which onnxruntime does not run: a reflection must be narrower than the axis.
    """

    name = "reflect-pad"
    match_ops = ("Pad",)
    contract = Exact()
    must_match = False
    reads_shapes = True

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip | None:
        """Put the borders of one Pad beside its data."""
        mode = rw.attr_str(node, "mode", "constant")
        if mode == "constant":
            return None
        if mode not in _MODES:
            return rw.skip(f"the Pad has mode={mode}")
        added = amounts(node, rw)
        if isinstance(added, Skip):
            return added
        known = rw.facts.dims(node.inputs[0]) or (None,) * len(added[0])
        padded = [
            (axis, size, begin, end)
            for axis, (size, begin, end) in enumerate(zip(known, *added, strict=True))
            if begin or end
        ]
        for axis, size, begin, end in padded:
            if min(begin, end) < 0:
                return rw.skip("the Pad cuts something off")
            if not isinstance(size, int):
                return rw.skip(f"the size of axis {axis} is not known")
            if size == 0 if mode == "edge" else max(begin, end) >= size:
                return rw.skip(f"axis {axis} has {size} elements, too few for its pads")
        value = node.inputs[0]
        for axis, size, begin, end in reversed(padded):
            assert value is not None
            assert isinstance(size, int)
            front, behind = _indices(mode, size, begin, end)
            parts = [taken(rw, value, axis, front)] if front else []
            parts += [value, *([taken(rw, value, axis, behind)] if behind else [])]
            value = rw.op("Concat", *parts, axis=axis)
        return value


def _indices(mode: str, size: int, begin: int, end: int) -> tuple[list[int], list[int]]:
    """Which elements stand in front of an axis, and behind it."""
    if mode == "edge":
        return [0] * begin, [size - 1] * end
    return list(range(begin, 0, -1)), list(range(size - 2, size - 2 - end, -1))

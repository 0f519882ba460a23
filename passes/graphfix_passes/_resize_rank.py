"""Resizes of three and of five dims with those of four."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import onnx_ir as ir

from graphfix.contract import Close, Contract, Exact
from graphfix.rewrite import Rewrite, Rewriter, Skip
from graphfix_passes._known import known_array
from graphfix_passes._resize import Resizing, read, with_scales, with_sizes

_COORDINATES = ("align_corners", "asymmetric", "half_pixel", "pytorch_half_pixel")
"""Those by which an axis that keeps its size keeps its points."""
_MODES = ("linear", "nearest")


@dataclass(frozen=True)
class Spatial:
    """A Resize that leaves batch and channels as they are."""

    resizing: Resizing
    outer: tuple[int | None, int | None]
    """Batch and channels; known when ``sizes`` say them."""
    before: tuple[int, ...]
    """The sizes of the other axes."""
    after: tuple[int, ...]
    """What becomes of them."""
    scales: tuple[float, ...] | None
    """The scales of the other axes, if those are given, and not sizes."""

    def restated(
        self, data: ir.Value, channels: int, axes: Sequence[int | None], rw: Rewriter
    ) -> ir.Value:
        """The Resize of ``data`` in another shape.

        ``channels`` are so many for each old one. ``axes`` are those of its last two axes; ``None``
        is an axis that this Resize leaves as it is, which stands at the end.
        """
        part = replace(self.resizing, data=data, roi=None)
        if self.scales is not None:
            scales = [1.0 if axis is None else self.scales[axis] for axis in axes]
            return with_scales(part, np.array([1.0, 1.0, *scales]), rw)
        rest = np.prod([self.after[k] for k in range(len(self.after)) if k not in axes], dtype=int)
        sizes = [int(rest) if axis is None else self.after[axis] for axis in axes]
        assert self.outer[0] is not None
        assert self.outer[1] is not None
        return with_sizes(part, rw.const([self.outer[0], self.outer[1] * channels, *sizes]), rw)


def spatial(node: ir.Node, rank: int, rw: Rewriter) -> Spatial | Skip | None:
    """What a Resize or Upsample of so many dims does; ``None`` when its data have others."""
    resizing, known = read(node, rw), rw.facts.dims(node.inputs[0])
    if known is None:
        return rw.skip("the number of its dims is not known")
    if len(known) != rank:
        return None
    if resizing.mode not in _MODES or resizing.coordinates not in _COORDINATES:
        return rw.skip(f"it has mode={resizing.mode} with {resizing.coordinates} coordinates")
    if (
        resizing.axes is not None
        or resizing.policy != "stretch"
        or rw.attr_int(node, "antialias", 0)
    ):
        return rw.skip("it has axes, antialias or a policy, which opset{to=17} writes out")
    array = known_array(resizing.scales or resizing.sizes, rw)
    if array is None:
        return rw.skip("its scales or sizes are computed; resize-scales makes them constant")
    before = tuple(size for size in known[2:] if isinstance(size, int))
    if len(before) < rank - 2:
        return rw.skip("the sizes of its spatial axes are not known")
    batch, channels = (size if isinstance(size, int) else None for size in known[:2])
    if resizing.sizes is not None:
        after = tuple(int(size) for size in array)
        if after[:2] != (batch, channels):
            return rw.skip("its sizes may be other ones for batch or channels")
        return Spatial(resizing, (batch, channels), before, after[2:], None)
    scales = tuple(float(scale) for scale in array)
    if scales[:2] != (1.0, 1.0):
        return rw.skip("it resizes batch or channels")
    # In float32, as ONNX's inference of shapes and onnxruntime multiply.
    products = np.array(before, np.float32) * np.array(scales[2:], np.float32)
    after = tuple(int(size) for size in products)
    return Spatial(resizing, (batch, channels), before, after, scales[2:])


def conclude(rewrites: Sequence[Rewrite]) -> Contract:
    """Exact where every site is."""
    return Exact() if all(each.contract == Exact() for each in rewrites) else Close()

"""What a Resize or Upsample says, in the forms of all opsets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx_ir as ir

from graphfix.rewrite import Rewriter, Skip
from graphfix.rewrite.symbolic import Size
from graphfix_passes._known import known_array

CROP: Final = "tf_crop_and_resize"
"""The coordinates that read ``roi``."""
WHOLE: Final = (0.0, 1.0)
"""An axis of which nothing is cut off."""


@dataclass(frozen=True)
class Resizing:
    """The inputs and attributes of one node, with the defaults of its opset.

    An input that is an empty tensor is absent, as ONNX says of ``roi``, ``scales`` and ``sizes``.
    """

    node: ir.Node
    data: ir.Value
    roi: ir.Value | None
    scales: ir.Value | None
    sizes: ir.Value | None
    mode: str
    coordinates: str
    nearest_mode: str
    axes: tuple[int, ...] | None
    """The axes that ``scales`` and ``sizes`` are about; all when ``None``."""
    policy: str
    """keep_aspect_ratio_policy: other than "stretch", ``sizes`` are a frame to fit in."""

    def dims(self, rw: Rewriter) -> tuple[Size, ...] | None:
        """The dims of the input that ``scales`` and ``sizes`` are about."""
        dims = rw.facts.dims(self.data)
        if dims is None or self.axes is None:
            return dims
        return tuple(dims[axis] for axis in self.axes)

    def crops(self, count: int, rw: Rewriter) -> Sequence[tuple[float, float]] | Skip:
        """Where the part that is resized starts and ends, as fractions, for ``count`` axes."""
        if self.coordinates != CROP:
            return [WHOLE] * count
        roi = known_array(self.roi, rw)
        if roi is None or roi.size != 2 * count or not np.isfinite(roi).all():
            return rw.skip("the roi that it cuts out is computed, or not finite")
        starts, ends = roi.astype(np.float32).reshape(2, count).tolist()
        return list(zip(starts, ends, strict=True))


def read(node: ir.Node, rw: Rewriter) -> Resizing:
    """What ``node``, a Resize or an Upsample, says."""
    data = rw.input(node, 0)
    assert data is not None
    old = node.op_type == "Upsample" or rw.opset < 11
    ports = (None, 1, None) if old else (1, 2, 3)
    roi, scales, sizes = (None if k is None else _given(rw.input(node, k), rw) for k in ports)
    axes = rw.attr_ints(node, "axes")
    rank = len(rw.facts.dims(data) or ())
    return Resizing(
        node,
        data,
        roi,
        scales,
        sizes,
        rw.attr_str(node, "mode", "nearest"),
        # Before opset 11 coordinates are simply divided by the scale, and rounded down.
        "asymmetric" if old else rw.attr_str(node, "coordinate_transformation_mode", "half_pixel"),
        "floor" if old else rw.attr_str(node, "nearest_mode", "round_prefer_floor"),
        None if axes is None else tuple(axis % rank if rank else axis for axis in axes),
        rw.attr_str(node, "keep_aspect_ratio_policy", "stretch"),
    )


def _given(value: ir.Value | None, rw: Rewriter) -> ir.Value | None:
    return None if value is None or rw.facts.dims(value) == (0,) else value


def with_scales(resizing: Resizing, scales: np.ndarray, rw: Rewriter) -> ir.Value:
    """The node with these scales in place of what it had."""
    constant = rw.const(scales.astype(np.float32))
    if resizing.node.op_type == "Upsample" or rw.opset < 11:
        return rw.copy(resizing.node, resizing.data, constant)
    return rw.copy(resizing.node, resizing.data, roi_slot(resizing, rw), constant)


def with_sizes(resizing: Resizing, sizes: ir.Value, rw: Rewriter) -> ir.Value:
    """The node with these sizes in place of what it had; since opset 11."""
    # Before opset 13 the slot of the scales must be filled, by an empty tensor when there are none.
    scales = None if rw.opset >= 13 else rw.const(np.zeros(0, np.float32))
    return rw.copy(resizing.node, resizing.data, roi_slot(resizing, rw), scales, sizes)


def roi_slot(resizing: Resizing, rw: Rewriter) -> ir.Value | None:
    """What stands for ``roi``; before opset 13 onnxruntime wants an empty tensor for none."""
    if resizing.roi is not None or rw.opset >= 13:
        return resizing.roi
    return rw.const(np.zeros(0, np.float32))

# torch is not installed where types are checked
# mypy: disable-error-code="misc, import-not-found, no-any-return, unused-ignore"
"""torchvision, with ``nms`` and ``roi_align`` in Python where its compiled half does not load."""

import inspect
import sys
from typing import Any

import torch

_UNUSED = """
qnms qroi_align _roi_align_backward ps_roi_align _ps_roi_align_backward roi_pool _roi_pool_backward
ps_roi_pool _ps_roi_pool_backward deform_conv2d _deform_conv2d_backward
"""
"""torchvision wants to find them; no network of the corpus uses them."""

_COMPILED = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "roi_align": "roi_align(Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, "
    "SymInt pooled_width, int sampling_ratio, bool aligned) -> Tensor",
    **{name: f"{name}(Tensor x) -> Tensor" for name in _UNUSED.split()},
}


_KEPT: list[torch.library.Library] = []
"""What a library registers ends with the object."""


def _nms(boxes: torch.Tensor, scores: torch.Tensor, threshold: float) -> torch.Tensor:
    """Greedy suppression: a box falls to a better one that it overlaps by more than the limit."""
    order = scores.argsort(descending=True, stable=True)
    boxes = boxes[order]
    low = torch.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = torch.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(-1)
    overlap = shared / (area[:, None] + area[None] - shared)
    kept: list[int] = []
    for k in range(len(boxes)):
        if not (overlap[k, kept] > threshold).any():
            kept.append(k)
    return order[kept]


def _has_operators() -> bool:
    return True


def load() -> Any:
    """The module; its operators can be run and traced."""
    try:
        import torchvision
    except RuntimeError:
        library = torch.library.Library("torchvision", "FRAGMENT")
        _KEPT.append(library)
        for name, schema in _COMPILED.items():
            if not hasattr(torch.ops.torchvision, name):
                library.define(schema)
        import torchvision
        import torchvision.extension
        from torchvision.ops.roi_align import _roi_align

        align = inspect.unwrap(_roi_align)
        library.impl("nms", _nms, "CPU")
        library.impl("roi_align", lambda *given: align(*given), "CPU")
        for name in ("torchvision.extension", "torchvision.ops.roi_align"):
            sys.modules[name]._has_ops = _has_operators  # type: ignore[attr-defined]
    return torchvision

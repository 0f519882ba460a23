"""What a detector's host does after the network: keep the best of boxes that overlap."""

from dataclasses import dataclass

import numpy as np

from graphfix.contract import Array


@dataclass(frozen=True)
class Detections:
    """The boxes that are left, the best first."""

    boxes: Array
    """Corners ``x, y, x, y``; float32 ``[M, 4]``."""
    scores: Array
    """float32 ``[M]``."""
    classes: Array
    """int64 ``[M]``."""


def suppress(boxes: Array, scores: Array, *, score: float, overlap: float, most: int) -> Detections:
    """The best boxes of each class, and of these the ``most`` best.

    ``boxes`` ``[N, 4]`` are corners, ``scores`` ``[C, N]``. Only scores above ``score`` count. A
    box goes when it shares more than ``overlap`` (intersection over union) with a better one of its
    class that stays (mmdetection: multiclass_nms; mmcv: nms with offset 0).
    """
    kept: list[tuple[Array, int]] = []
    for number, of_class in enumerate(scores):
        inside = np.flatnonzero(of_class > score)
        order = inside[np.argsort(-of_class[inside], kind="stable")]
        kept.append((order[_best(boxes[order], overlap, most)], number))
    places = np.concatenate([where for where, _ in kept])
    classes = np.repeat([number for _, number in kept], [len(where) for where, _ in kept])
    found = scores[classes, places]
    best = np.argsort(-found, kind="stable")[:most]
    return Detections(boxes[places[best]], found[best], classes[best])


def _best(boxes: Array, overlap: float, most: int) -> Array:
    """The numbers of the boxes that stay, at most ``most``; the best comes first."""
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    left = np.arange(len(boxes))
    kept: list[int] = []
    while len(left) and len(kept) < most:
        first, left = left[0], left[1:]
        kept.append(int(first))
        low = np.maximum(boxes[first, :2], boxes[left, :2])
        high = np.minimum(boxes[first, 2:], boxes[left, 2:])
        width, height = np.maximum(high - low, 0).T
        shared = width * height
        # Not a quotient: boxes without area share nothing, and stay.
        left = left[shared <= np.float32(overlap) * (areas[first] + areas[left] - shared)]
    return np.array(kept, np.int64)

"""What BatchMultiClassNMS must make of the boxes that a NonMaxSuppression gets, in numpy."""

import enum
from dataclasses import dataclass

import numpy as np

Array = np.ndarray


class Part(enum.IntEnum):
    """One of the outputs."""

    BOXES = 0
    SCORES = 1
    CLASSES = 2
    COUNT = 3


@dataclass(frozen=True)
class Limits:
    """What is kept."""

    per_class: int
    total: int
    overlap: float
    score: float


def detections(boxes: Array, scores: Array, picked: Array, limits: Limits, part: Part) -> Array:
    """The best ``limits.total`` boxes of each image, best first, and zeros behind them.

    ``boxes`` [B, N, 4], ``scores`` [B, C, N] and ``picked`` [S, 3] (image, class, box) are inputs
    and output of the NonMaxSuppression. What it has picked counts, but in an image with boxes
    without area: these take no part. Of equal scores the lower class, then the lower box is first.
    The result is [B, total, 4], [B, total], [B, total] or [B].
    """
    shape = {Part.BOXES: (limits.total, 4), Part.COUNT: ()}.get(part, (limits.total,))
    result = np.zeros((len(boxes), *shape), np.int32 if part is Part.COUNT else scores.dtype)
    for image, (corners, rates) in enumerate(zip(boxes, scores, strict=True)):
        solid = (corners[:, 2] > corners[:, 0]) & (corners[:, 3] > corners[:, 1])
        if solid.all():
            _, classes, places = picked[picked[:, 0] == image].T
        else:
            classes, places = _suppressed(corners, np.where(solid, rates, -np.inf), limits)
        order = np.lexsort((places, classes, -rates[classes, places]))[: limits.total]
        found = (corners[places], rates[classes, places], classes)
        if part is Part.COUNT:
            result[image] = len(order)
        else:
            result[image, : len(order)] = found[part][order]
    return result


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def _suppressed(boxes: Array, scores: Array, limits: Limits) -> tuple[Array, Array]:
    """Classes and places of what is left: the best, then the best that overlaps no better one."""
    classes, places = [], []
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    for number, rates in enumerate(scores):
        left = np.flatnonzero(rates > limits.score)
        left = left[np.argsort(-rates[left], kind="stable")]
        for _ in range(limits.per_class):
            if not left.size:
                break
            best, left = left[0], left[1:]
            classes.append(number)
            places.append(best)
            low = np.maximum(boxes[left, :2], boxes[best, :2])
            high = np.minimum(boxes[left, 2:], boxes[best, 2:])
            common = np.prod(np.maximum(high - low, 0), axis=1)
            overlap = common / (areas[left] + areas[best] - common)
            left = left[~(overlap > np.float32(limits.overlap))]
    return np.array(classes, np.int64), np.array(places, np.int64)

"""From a probability map to boxes around words, as DB's ``SegDetectorRepresenter`` makes them."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from graphfix.contract import Array
from graphfix.datasets import Outline
from graphfix.library import library
from graphfix_adapters._contours import contours
from graphfix_adapters._fill import fill
from graphfix_adapters._least_rectangle import least_rectangle


@dataclass(frozen=True)
class TextBoxes:
    """Thresholds and measures; the defaults are those for ICDAR 2015."""

    probability: float = 0.3
    """What a pixel of a word must exceed."""
    score: float = 0.6
    """What the mean probability in a box must reach."""
    unclip: float = 1.5
    """How far a box grows, times its area over its perimeter: the map holds shrunken words."""
    shortest: int = 3
    """Least side of a box in pixels of the map; 2 more once it has grown."""
    most: int = 1000
    """Outlines that are looked at."""

    def __call__(self, probability: Array, size: tuple[int, int]) -> Sequence[Outline]:
        """The boxes in a float32 map ``[H, W]`` for a picture of ``size`` (height, width).

        Corners are whole pixels of the picture, from the upper left one on clockwise.
        """
        scale = np.array(probability.shape[::-1], np.float32)
        limits = np.array(size[::-1], np.float32)
        found = []
        for box in self._boxes(probability):
            corners = np.clip(np.round(box / scale * limits), 0, limits)
            found.append(tuple((float(x), float(y)) for x, y in corners))
        return found

    def _boxes(self, probability: Array) -> Iterator[Array]:
        for outline in contours(probability > np.float32(self.probability), self.most):
            box, side = least_rectangle(outline)
            if side < self.shortest or _mean_in(probability, box) < self.score:
                continue
            box, side = least_rectangle(_grown(box, self.unclip))
            if side >= self.shortest + 2:
                yield box


def _mean_in(probability: Array, box: Array) -> float:
    """The mean over the pixels of the box, of which the places are cut off to whole ones."""
    last = np.array(probability.shape[::-1]) - 1
    left, top = np.clip(np.floor(box.min(axis=0)).astype(int), 0, last)
    right, bottom = np.clip(np.ceil(box.max(axis=0)).astype(int), 0, last)
    corners = (box - np.array([left, top], np.float32)).astype(np.int32)
    mask = fill(corners, (bottom - top + 1, right - left + 1))
    return float(probability[top : bottom + 1, left : right + 1][mask].mean(dtype=np.float64))


def _grown(box: Array, ratio: float) -> Array:
    """Points around the box at ``area * ratio / perimeter`` from it, with round corners.

    They are those of Clipper 6 (ClipperOffset with jtRound and an arc tolerance of 0.25), through
    which upstream's boxes went: places are cut off to whole ones before, and rounded to whole ones
    after, which turns a box by up to some degrees.
    """
    polygon = library("shapely").Polygon(box)
    distance = polygon.area * ratio / polygon.length
    steps = min(math.pi / math.acos(1 - 0.25 / distance), distance * math.pi)
    corners = box.astype(np.int64).astype(float)
    sides = np.roll(corners, -1, axis=0) - corners
    sides /= np.hypot(sides[:, 0], sides[:, 1])[:, None]
    outward = np.stack([sides[:, 1], -sides[:, 0]], axis=1)
    points = []
    for corner, before, after in zip(corners, np.roll(outward, 1, axis=0), outward, strict=True):
        turn = math.atan2(before[0] * after[1] - before[1] * after[0], before @ after)
        count = max(math.floor(steps / (2 * math.pi) * abs(turn) + 0.5), 1)
        angles = np.arange(count) * (2 * math.pi / steps)
        cos, sin = np.cos(angles), np.sin(angles)
        arc = np.stack([before[0] * cos - before[1] * sin, before[0] * sin + before[1] * cos], 1)
        points.append(corner + np.concatenate([arc, after[None]]) * distance)
    around = np.concatenate(points)
    rounded: Array = np.trunc(around + np.copysign(0.5, around))
    return rounded

"""The pixels of a polygon."""

from collections.abc import Sequence

import numpy as np

from graphfix.contract import Array


def fill(corners: Array, size: tuple[int, int]) -> Array:
    """The pixels of a convex polygon with whole-numbered ``corners`` ``[n, 2]``, as a bool mask.

    Those that its sides run through belong to it, as ``cv2.fillPoly`` draws it; what lies outside
    of ``size`` (height, width) is left out. Of a polygon that reaches out OpenCV cuts the sides
    first, which moves some of their pixels; here they stay.
    """
    height, width = size
    low, high = np.full(height, width), np.full(height, -1)
    for ends in zip(corners.tolist(), np.roll(corners, -1, axis=0).tolist(), strict=True):
        xs, ys = _line(*sorted(ends))
        inside = (ys >= 0) & (ys < height)
        np.minimum.at(low, ys[inside], xs[inside])
        np.maximum.at(high, ys[inside], xs[inside])
    columns = np.arange(width)
    mask: Array = (columns >= low[:, None]) & (columns <= high[:, None])
    return mask


def _line(left: Sequence[int], right: Sequence[int]) -> tuple[Array, Array]:
    """The pixels ``x``, ``y`` of a line, one for each step of the longer way (Bresenham 1965)."""
    ways = [end - start for start, end in zip(left, right, strict=True)]
    steps = max(*map(abs, ways), 1)
    at = np.arange(steps + 1)
    xs, ys = (
        start + np.sign(way) * ((2 * at * abs(way) + steps - 1) // (2 * steps))
        for start, way in zip(left, ways, strict=True)
    )
    return xs, ys

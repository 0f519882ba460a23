"""Rectangles around points, and the pixels in them."""

from collections.abc import Sequence

import numpy as np

from graphfix.contract import Array
from graphfix.library import library


def least_rectangle(points: Array) -> tuple[Array, float]:
    """The rectangle of least area around ``points`` ``[n, 2]``, and its shorter side.

    Corners are float32 ``[4, 2]``, from the upper left one on clockwise in a picture; a rectangle
    without area has no corners. One side lies on a side of the convex hull (Freeman and Shapira
    1975). It is what ``cv2.minAreaRect`` finds, without the rounding of its steps in float32.
    """
    shapely = library("shapely")
    hull = shapely.get_coordinates(shapely.convex_hull(shapely.MultiPoint(points)))
    if len(hull) < 4:  # a point, or a line there and back
        return np.zeros((0, 2), np.float32), 0.0
    sides = np.diff(hull, axis=0)
    along = sides / np.hypot(sides[:, 0], sides[:, 1])[:, None]
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    one, other = along @ hull.T, across @ hull.T
    widths, heights = np.ptp(one, axis=1), np.ptp(other, axis=1)
    best = int(np.argmin(widths * heights))
    corners = [
        a * along[best] + b * across[best]
        for a in (one[best].min(), one[best].max())
        for b in (other[best].min(), other[best].max())
    ]
    return _clockwise(np.array(corners, np.float32)), float(min(widths[best], heights[best]))


def _clockwise(corners: Array) -> Array:
    """Of the two corners to the left the upper one, of the two to the right the upper one, …"""
    by_x = corners[np.argsort(corners[:, 0], kind="stable")]
    left, right = by_x[:2], by_x[2:]
    left, right = left[np.argsort(left[:, 1])], right[np.argsort(right[:, 1])]
    return np.stack([left[0], right[0], right[1], left[1]])


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

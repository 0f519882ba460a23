"""The rectangle of least area around points, with the rounding of OpenCV.

A corner that OpenCV takes for 11.99999 is cut off to 11 by what comes after, so that roundings
decide about a pixel. They are those of OpenCV 4 (modules/imgproc/src/rotcalipers.cpp) for outlines
as ``cv2.findContours`` gives them: axis-parallel rectangles come out the same to the last bit, and
of others 99 in 100 are the same after cutting off.
"""

import math
from typing import Final

import numpy as np

from graphfix.contract import Array
from graphfix.library import library

_HALF: Final = np.float32(0.5)


def least_rectangle(points: Array) -> tuple[Array, float]:
    """The rectangle around whole-numbered ``points`` ``[n, 2]``, and its shorter side.

    Corners are float32 ``[4, 2]``, from the upper left one on clockwise in a picture; a rectangle
    without area has no corners. One side lies on a side of the convex hull (Freeman and Shapira
    1975).
    """
    shapely = library("shapely")
    around = shapely.convex_hull(shapely.MultiPoint(points))
    if around.area == 0:
        return np.zeros((0, 2), np.float32), 0.0
    ring = shapely.get_coordinates(shapely.geometry.polygon.orient(around))
    hull = ring[:-1].astype(np.float32)
    last = np.lexsort((hull[:, 0], hull[:, 1]))[0]  # the first point that a scan of the rows meets
    hull = np.roll(hull, -1 - last, axis=0)
    along = _directions(np.diff(hull, axis=0, append=hull[:1]))
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    one, other = along.astype(np.float64) @ hull.T, across.astype(np.float64) @ hull.T
    left, below = hull[one.argmin(axis=1)], hull[other.argmin(axis=1)]
    widths = ((hull[one.argmax(axis=1)] - left) * along).sum(axis=1)
    heights = ((hull[other.argmax(axis=1)] - below) * across).sum(axis=1)
    areas = widths * heights
    best = len(areas) - 1 - areas[::-1].argmin()  # of equal ones the last
    return _from_centre(
        _crossing(along[best], left[best], below[best]),
        along[best] * widths[best],
        across[best] * heights[best],
    )


def _directions(sides: Array) -> Array:
    """Of each side the unit vector, turned by right angles into the first quadrant, by angle.

    OpenCV turns four lines around the hull. The one at the top starts behind a level side, if there
    is one, which is why the first of four lines to have turned by a right angle comes in its place.
    """
    x, y = sides.T
    inverse = (1 / np.sqrt((sides.astype(np.float64) ** 2).sum(axis=1))).astype(np.float32)
    units = np.abs(sides * inverse[:, None])
    turned = (x == 0) | (x * y < 0)
    units[turned] = units[turned, ::-1]
    level = (y == 0) & (x > 0)
    if level.any():
        parallel = (x == 0) & (y > 0), (y == 0) & (x < 0), (x == 0) & (y < 0), level
        first = next(side.argmax() for side in parallel if side.any())
        units[level] = 0, units[first].max()
    by_angle: Array = units[np.argsort(np.arctan2(units[:, 1], units[:, 0]), kind="stable")]
    return by_angle


def _crossing(along: Array, left: Array, below: Array) -> Array:
    """The corner where the side through ``left`` meets that through ``below``."""
    a, b = along
    one, other = a * left[0] + b * left[1], a * below[1] - b * below[0]
    corner = np.array([one * a - other * b, a * other + b * one])
    corner *= np.float32(1) / (a * a + b * b)
    return corner


def _from_centre(corner: Array, width: Array, height: Array) -> tuple[Array, float]:
    """The rectangle by its centre, the lengths of its sides, and its angle in degrees."""
    centre = corner + (width + height) * _HALF
    long, high = (np.float32(math.sqrt(float(x) ** 2 + float(y) ** 2)) for x, y in (width, height))
    degrees = np.float32(float(np.float32(math.atan2(width[1], width[0]))) * 180 / math.pi)
    angle = float(degrees) * math.pi / 180
    cos, sin = np.float32(math.cos(angle)) * _HALF, np.float32(math.sin(angle)) * _HALF
    first = centre + np.array([-sin * high - cos * long, cos * high - sin * long])
    second = centre + np.array([sin * high - cos * long, -cos * high - sin * long])
    corners = np.stack([first, second, 2 * centre - first, 2 * centre - second])
    return _clockwise(corners), float(min(long, high))


def _clockwise(corners: Array) -> Array:
    """The upper and the lower one of the two to the left, then to the right, in their order."""
    by_x = corners[np.argsort(corners[:, 0], kind="stable")]
    left, right = by_x[:2], by_x[2:]
    left, right = left[np.argsort(left[:, 1])], right[np.argsort(right[:, 1])]
    return np.stack([left[0], right[0], right[1], left[1]])

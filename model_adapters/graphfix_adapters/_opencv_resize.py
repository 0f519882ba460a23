"""Bilinear scaling of pictures with the rounding of OpenCV, whose pixels upstream models saw."""

from typing import Final

import numpy as np

from graphfix.contract import Array

_ONE: Final = 2048
"""Weights are integers of this unit (OpenCV 4, modules/imgproc/src/resize.cpp,
INTER_RESIZE_COEF_SCALE)."""


def resize_opencv(pixels: Array, size: tuple[int, int]) -> Array:
    """Scale uint8 ``pixels`` ``[H, W, C]`` to ``size`` (height, width) as ``cv2.resize`` does.

    With its default, INTER_LINEAR: weights of 11 bits, first along the rows, then down the columns,
    where 4 and then 16 bits are cut off before the last two are rounded. Halves in both directions
    are means of four pixels. The same to the last bit as OpenCV 4 and 5 without vendor code.
    """
    height, width = size
    if pixels.shape[:2] == (2 * height, 2 * width):
        fours = pixels.reshape(height, 2, width, 2, -1).astype(np.int32)
        halves: Array = ((fours.sum(axis=(1, 3)) + 2) >> 2).astype(np.uint8)
        return halves
    left, right, from_left, from_right = _neighbours(pixels.shape[1], width)
    upper, lower, from_upper, from_lower = _neighbours(pixels.shape[0], height)
    wide = pixels.astype(np.int32)
    rows = wide[:, left] * from_left[:, None] + wide[:, right] * from_right[:, None]
    rows >>= 4
    above = (rows[upper] * from_upper[:, None, None]) >> 16
    below = (rows[lower] * from_lower[:, None, None]) >> 16
    scaled: Array = ((above + below + 2) >> 2).astype(np.uint8)
    return scaled


def resize_opencv_float(pixels: Array, size: tuple[int, int]) -> Array:
    """Scale float32 ``pixels`` ``[H, W, C]`` up to ``size`` (height, width) as ``cv2.resize`` does.

    With its default, INTER_LINEAR: first along the rows, then down the columns, in float32. The
    same to the last bit as OpenCV 4 and 5 without vendor code (with Intel's, values differ by up to
    3e-5 of their range).
    """
    height, width = size
    first, part = _places(pixels.shape[1], width)
    # Beyond the outermost pixels OpenCV takes these alone, in a row; down a column it weighs them.
    part = np.where((first < 0) | (first >= pixels.shape[1] - 1), np.float32(0), part)
    left, right = _within(first, pixels.shape[1])
    rows = pixels[:, left] * (1 - part)[:, None] + pixels[:, right] * part[:, None]
    first, part = _places(pixels.shape[0], height)
    upper, lower = _within(first, pixels.shape[0])
    scaled: Array = rows[upper] * (1 - part)[:, None, None] + rows[lower] * part[:, None, None]
    return scaled


def _neighbours(old: int, new: int) -> tuple[Array, Array, Array, Array]:
    """The two pixels that each new one lies between, and their weights, all ``[new]``."""
    first, part = _places(old, new)
    weights = [np.rint(w * np.float32(_ONE)).astype(np.int32) for w in (1 - part, part)]
    return *_within(first, old), weights[0], weights[1]


def _places(old: int, new: int) -> tuple[Array, Array]:
    """The pixel before each new one, which may be -1, and how far on it lies, float32."""
    step = 1 / (new / old)
    place = ((np.arange(new) + 0.5) * step - 0.5).astype(np.float32)
    first = np.floor(place)
    return first.astype(np.int64), place - first


def _within(first: Array, size: int) -> tuple[Array, Array]:
    """These pixels and the next ones, at the border the outermost."""
    return np.clip(first, 0, size - 1), np.clip(first + 1, 0, size - 1)

"""Scaling of score maps, as torch and Paddle do it after a segmentation network."""

import numpy as np

from graphfix.contract import Array


def bilinear_aligned(maps: Array, size: tuple[int, int]) -> Array:
    """Scale ``[C, h, w]`` to ``[C, H, W]`` in float32, bilinearly, with the corners aligned.

    Row ``y`` of the result lies at ``y * (h - 1) / (H - 1)`` (torch: ``interpolate`` with
    ``align_corners=True``). Rows first, then columns.
    """
    maps = maps.astype(np.float32)
    for axis, target in zip((1, 2), size, strict=True):
        source = maps.shape[axis]
        scale = np.float32((source - 1) / (target - 1)) if target > 1 else np.float32(0)
        at = np.arange(target, dtype=np.float32) * scale
        low = np.minimum(at.astype(np.int64), source - 1)
        high = np.minimum(low + 1, source - 1)
        weight = (at - low).astype(np.float32)
        weight = weight[:, None] if axis == 1 else weight[None, :]
        maps = np.take(maps, low, axis) * (1 - weight) + np.take(maps, high, axis) * weight
    return maps

"""GridSample straight from its definition, in numpy and float64: what a restored site must compute.

Independent of the decomposition and of every runtime. The definition is that of ONNX's GridSample
(opset 16 for four dimensions, 20 for five) and of ``torch.nn.functional.grid_sample``.
"""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from graphfix_passes._gridsample_sampling import Interpolation, Padding, Sampling


def grid_sample(image: np.ndarray, grid: np.ndarray, sampling: Sampling) -> np.ndarray:
    """Sample ``image`` [N, C, (D,) H, W] at ``grid`` [N, (D,) H, W, 2 or 3], x first.

    The result has the type of ``image``. Positions in pixels are rounded to the type of the grid
    (float32 at least), because ``nearest`` jumps between two of them; all else is float64.
    A position that is not a number lies outside, on the low side.
    """
    pixels = image.astype(np.float64)
    total = np.zeros((*image.shape[:2], *grid.shape[1:-1]))
    sizes = image.shape[2:]
    positions = [
        _position(grid[..., -1 - axis], size, sampling.align_corners)
        for axis, size in enumerate(sizes)
    ]
    kernels = [list(_taps(position, sampling.interpolation)) for position in positions]
    for taps in itertools.product(*kernels):
        weight = np.ones(grid.shape[:-1])
        index: list[np.ndarray] = []
        for (pixel, factor), size in zip(taps, sizes, strict=True):
            inside, extended = _extend(pixel, size, sampling)
            weight = weight * np.where(inside, factor, 0.0)
            index.append(extended)
        sample = np.arange(len(image)).reshape(-1, *[1] * len(sizes))
        # Advanced indices around the channel slice put the channels last.
        where: tuple[Any, ...] = (sample, slice(None), *index)
        picked = np.moveaxis(pixels[where], -1, 1)
        total += np.where(weight[:, None] == 0, 0.0, weight[:, None] * picked)
    result: np.ndarray = total.astype(image.dtype)
    return result


def _position(grid: np.ndarray, size: int, align_corners: bool) -> np.ndarray:
    work = np.result_type(grid.dtype, np.float32)
    one, half, extent = work.type(1), work.type(0.5), work.type(size)
    with np.errstate(over="ignore", invalid="ignore"):
        shifted = grid.astype(work) + one
        if align_corners:
            position = shifted * half * (extent - one)
        else:
            position = (shifted * extent - one) * half
    exact = np.where(np.isnan(position), -np.inf, position.astype(np.float64))
    farthest = 2.0**52  # beyond, float64 has no number for every pixel
    return np.clip(exact, -farthest, farthest)


def _taps(
    position: np.ndarray, interpolation: Interpolation
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pixels around each position, with the interpolation kernel at their distance."""
    if interpolation is Interpolation.NEAREST:
        yield np.rint(position), np.ones_like(position)
        return
    reach = 2 if interpolation is Interpolation.BICUBIC else 1
    kernel = _cubic if interpolation is Interpolation.BICUBIC else _tent
    for offset in range(1 - reach, reach + 1):
        pixel = np.floor(position) + offset
        yield pixel, kernel(np.abs(position - pixel))


def _tent(distance: np.ndarray) -> np.ndarray:
    return np.maximum(0.0, 1.0 - distance)


def _cubic(distance: np.ndarray) -> np.ndarray:
    """Keys' kernel with a = -0.75."""
    a, d = -0.75, distance
    near = (a + 2) * d**3 - (a + 3) * d**2 + 1
    far = a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0.0))


def _extend(
    pixel: np.ndarray, size: int, sampling: Sampling
) -> tuple[np.ndarray | bool, np.ndarray]:
    """Which pixel of the picture stands for ``pixel``, and whether one does."""
    if sampling.padding is Padding.ZEROS:
        inside = (pixel >= 0) & (pixel < size)
        return inside, np.where(inside, pixel, 0).astype(np.int64)
    if sampling.padding is Padding.BORDER:
        return True, np.clip(pixel, 0, size - 1).astype(np.int64)
    if sampling.align_corners:
        distance = np.mod(pixel, max(2 * (size - 1), 1))
        return True, np.minimum(distance, 2 * (size - 1) - distance).astype(np.int64)
    distance = np.mod(pixel, 2 * size)
    return True, np.minimum(distance, 2 * size - 1 - distance).astype(np.int64)

"""Deformable convolution straight from its definition, in numpy: what a replaced node must compute.

Independent of the operators the pass inserts and of every runtime. The definition is that of ONNX's
DeformConv (opset 19) and of the papers it cites: Dai et al. 2017, Zhu et al. 2018.
"""

from dataclasses import dataclass

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class Window:
    """The parameters that numbers alone do not tell."""

    strides: tuple[int, int]
    pads: tuple[int, int, int, int]
    """Top, left, bottom, right."""
    dilations: tuple[int, int]
    groups: int
    deformable_groups: int
    packed: bool
    """Whether the offsets are all x, all y, all masks; otherwise y, x in turns."""


def deform_conv(
    x: Array,
    weight: Array,
    offset: Array,
    mask: Array | None,
    bias: Array | None,
    window: Window,
) -> Array:
    """Convolve ``x`` [N, C, H, W] at displaced points; the result has the type of ``x``.

    A position is rounded to float32 at least, as every kernel does; all else is float64. Of
    offsets and masks that are larger than the output the first numbers of each image count, which
    is what the kernels of mmcv read.
    """
    n, channels, height, width = x.shape
    outs, per_group, kh, kw = weight.shape
    top, left, bottom, right = window.pads
    reach = [d * (k - 1) + 1 for d, k in zip(window.dilations, (kh, kw), strict=True)]
    rows = (height + top + bottom - reach[0]) // window.strides[0] + 1
    columns = (width + left + right - reach[1]) // window.strides[1] + 1
    out, taps = (rows, columns), kh * kw
    dx, dy, masks = _parts(offset, mask, (n, window.deformable_groups, taps, *out), window.packed)
    work = np.result_type(offset.dtype, np.float32)
    first_y = np.arange(rows)[:, None] * window.strides[0] - top
    first_x = np.arange(columns)[None, :] * window.strides[1] - left
    share, outs_of_group = channels // window.deformable_groups, outs // window.groups
    cells = np.moveaxis(x.astype(np.float64), 1, -1)
    result = np.zeros((n, rows * columns, outs))
    for image, tap in np.ndindex(n, taps):
        sampled = np.empty((rows * columns, channels))
        for group in range(window.deformable_groups):
            at = (image, group, tap)
            y = dy[at].astype(work) + (first_y + tap // kw * window.dilations[0]).astype(work)
            across = dx[at].astype(work) + (first_x + tap % kw * window.dilations[1]).astype(work)
            own = slice(group * share, (group + 1) * share)
            found = _bilinear(cells[image, :, :, own], y.reshape(-1), across.reshape(-1))
            sampled[:, own] = found * masks[at].reshape(-1, 1)
        kernel = weight[:, :, tap // kw, tap % kw].astype(np.float64)
        for group in range(window.groups):
            ins = slice(group * per_group, (group + 1) * per_group)
            own = slice(group * outs_of_group, (group + 1) * outs_of_group)
            result[image, :, own] += sampled[:, ins] @ kernel[own].T
    if bias is not None:
        result += bias.astype(np.float64)
    rounded: Array = np.moveaxis(result, -1, 1).reshape(n, outs, *out).astype(x.dtype)
    return rounded


def _parts(
    offset: Array, mask: Array | None, shape: tuple[int, ...], packed: bool
) -> tuple[Array, Array, Array]:
    """x, y and masks, each [N, deformable groups, taps, rows, columns]."""
    n, groups, taps, rows, columns = shape
    if packed:
        parts = offset.reshape(n, 3, groups, taps, rows, columns)
        return parts[:, 0], parts[:, 1], parts[:, 2].astype(np.float64)
    size = groups * taps * rows * columns
    turns = offset.reshape(n, -1)[:, : 2 * size].reshape(n, groups, taps, 2, rows, columns)
    masks = np.ones(shape)
    if mask is not None:
        masks = mask.reshape(n, -1)[:, :size].reshape(shape).astype(np.float64)
    return turns[:, :, :, 1], turns[:, :, :, 0], masks


def _bilinear(cells: Array, y: Array, x: Array) -> Array:
    """``cells`` [H, W, C] at points between them [P]; zero outside."""
    height, width, channels = cells.shape
    rows = cells.reshape(height * width, channels)
    # One cell outside is as good as far outside, and a NaN is taken for the low side.
    y = np.clip(np.nan_to_num(y.astype(np.float64), nan=-2.0), -2.0, height + 1.0)
    x = np.clip(np.nan_to_num(x.astype(np.float64), nan=-2.0), -2.0, width + 1.0)
    total = np.zeros((len(y), channels))
    for row in (np.floor(y), np.floor(y) + 1):
        for column in (np.floor(x), np.floor(x) + 1):
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            weight = np.where(inside, (1 - np.abs(y - row)) * (1 - np.abs(x - column)), 0.0)
            cell = np.where(inside, row * width + column, 0).astype(np.int64)
            total += rows[cell] * weight[:, None]
    return total

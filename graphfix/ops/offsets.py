"""Offsets of deformable convolutions, from the orders exporters write to the one ATC reads.

torchvision, mmcv and the ONNX operator DeformConv interleave: channel ``2 * p`` is the y and
channel ``2 * p + 1`` the x of position ``p = group * kernel_height * kernel_width + k``, and masks
come apart. DeformableConv2D wants all x, then all y, then all masks.
"""

import numpy as np
import onnx_ir as ir

from graphfix.errors import PassError
from graphfix.rewrite import Rewriter


def pack_offsets(rw: Rewriter, offset: ir.Value, mask: ir.Value | None, positions: int) -> ir.Value:
    """Insert nodes that make the ``offsets`` of DeformableConv2D; return that value.

    Args:
        rw: the rewriter of the pass.
        offset: ``[N, 2 * positions, Ho, Wo]``, interleaved y, x.
        mask: ``[N, positions, Ho, Wo]``; ``None`` stands for ones (version 1).
        positions: ``deformable_groups * kernel_height * kernel_width``.

    The nodes are a Gather of channels and a Concat, in any opset, for any batch and size.

    Raises:
        PassError: a known channel count is another, or without a mask the type is not known.
    """
    _check_channels(offset, 2 * positions, "offset")
    if mask is not None:
        _check_channels(mask, positions, "mask")
    even = np.arange(positions, dtype=np.int64) * 2
    order = rw.const(np.concatenate([even + 1, even]))
    coordinates = rw.op("Gather", offset, order, axis=1)
    return rw.op("Concat", coordinates, mask or _ones(rw, offset, positions), axis=1)


def _ones(rw: Rewriter, offset: ir.Value, positions: int) -> ir.Value:
    """Ones ``[N, positions, Ho, Wo]``; a constant where these sizes are known."""
    if offset.dtype is None:
        raise PassError(f"the element type of the offset {offset.name!r} is not known")
    one = np.ones(1, offset.dtype.numpy())
    shape = offset.shape
    if shape is not None and all(isinstance(dim, int) for dim in shape):
        n, _, height, width = (int(dim) for dim in shape if isinstance(dim, int))
        return rw.const(np.broadcast_to(one, (n, positions, height, width)).copy())
    sizes = rw.op("Shape", offset)
    keep = rw.op("Mul", sizes, rw.const([1, 0, 1, 1]))
    wanted = rw.op("Add", keep, rw.const([0, positions, 0, 0]))
    return rw.op("ConstantOfShape", wanted, value=ir.tensor(one))


def _check_channels(value: ir.Value, wanted: int, what: str) -> None:
    channels = value.shape[1] if value.shape is not None and len(value.shape) == 4 else None
    if isinstance(channels, int) and channels != wanted:
        raise PassError(f"the {what} {value.name!r} has {channels} channels, not {wanted}")

"""The ``prelu-slope`` pass: slopes in a shape that ATC and ONNX read alike."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from graphfix.contract import EQUAL, Contract, Exact
from graphfix.rewrite import Rewrite, RewritePass, Rewriter, Skip
from graphfix_passes._known import Dim, dims

_BROADCASTS_SINCE = 7
"""The opset from which a slope broadcasts as in numpy."""

_MAX_OF_ALL_TYPES = 13
"""The opset from which Max and Min take every type of PRelu."""


@dataclass(frozen=True, kw_only=True)
class PreluSlope(RewritePass):
    """Write the slope of a PRelu in a shape that ATC reads as ONNX does, or do without PRelu.

    Why
        ATC documents a list of one number, or of one for each channel, for the slope. To ONNX a
        list is for the last dimension, so that the two mean different things when the input has
        more than two dimensions. The kernel of 2022 also takes [C, 1, 1] with four dimensions.

    Rewrites
        1. A constant slope of one number gets the shape [1].
        2. A constant slope for the channels gets the shape [C] with two dimensions and [C, 1, 1]
           with four.
        3. Every other one becomes ``Max(x, 0) + slope * Min(x, 0)``.

    Leaves alone
        A PRelu whose input has no known rank, or whose slope no known shape, unless the slope is
        [1]. A PRelu before opset 7, where slopes broadcast otherwise. Types that Max does not take
        before opset 13.

    Numerics
        Exact, but for the zeros of the third case, which may be +0 instead of -0. It takes slopes
        for finite.
    """

    name = "prelu-slope"
    match_ops = ("PRelu",)
    contract = Exact()
    must_match = False
    reads_shapes = True

    decompose: bool = False
    """Decompose slopes of shape [C, 1, 1], too, which ATC does not document."""

    def rewrite(self, node: ir.Node, rw: Rewriter) -> Sequence[ir.Value] | ir.Value | Skip | None:
        """Restate the PRelu with another slope, or decompose it."""
        data, slope = node.inputs
        known, shape = dims(data), dims(slope)
        if data is None or slope is None or shape == (1,):
            return None
        if rw.opset < _BROADCASTS_SINCE:
            return rw.skip(f"before opset {_BROADCASTS_SINCE} slopes broadcast otherwise")
        if known is None or shape is None:
            return rw.skip("the rank of its input or the shape of its slope is not known")
        wanted = None if self.decompose and len(known) == 4 else _wanted(known, shape)
        if wanted == shape:
            return None
        array = rw.constant(slope)
        if wanted is not None and array is not None:
            return rw.restate(node, [data, rw.const(array.reshape(wanted))])
        narrow = rw.opset < _MAX_OF_ALL_TYPES and data.dtype not in _ALWAYS
        if data.dtype is None or narrow:
            return rw.skip("Max and Min do not take its type, or nobody knows it")
        rw.promise(EQUAL)
        zero = rw.const(np.zeros((), data.dtype.numpy()))
        below = rw.op("Mul", slope, rw.op("Min", data, zero))
        return rw.op("Add", rw.op("Max", data, zero), below)

    def conclude(self, rewrites: Sequence[Rewrite], rw: Rewriter) -> Contract:
        """Exact, unless a PRelu was decomposed."""
        return next((r.contract for r in rewrites if r.contract is not None), self.contract)


_ALWAYS = (ir.DataType.FLOAT16, ir.DataType.FLOAT, ir.DataType.DOUBLE)


def _wanted(known: Sequence[Dim], shape: Sequence[Dim]) -> tuple[int, ...] | None:
    """The shape of a slope for all elements or for the channels; ``None`` for any other slope."""
    if not known:  # a list does not broadcast to a scalar
        return ()
    if all(size == 1 for size in shape):
        return (1,)
    # Slopes are aligned with the last dims: this is the place of the channels, dim 1, among them.
    channel = 1 - (len(known) - len(shape))
    sizes = [size for k, size in enumerate(shape) if k != channel]
    if channel < 0 or any(size != 1 for size in sizes) or len(known) not in (2, 4):
        return None
    count = shape[channel]
    return (count, *(1,) * (len(known) - 2)) if isinstance(count, int) else None

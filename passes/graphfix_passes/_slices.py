"""What Slices cut off, as attributes or as inputs."""

from collections.abc import Mapping, Sequence

import numpy as np
import onnx_ir as ir

from graphfix.rewrite import Rewriter, Skip
from graphfix_passes._known import Dim

_INPUTS_SINCE = 10
"""The opset in which limits became inputs, and steps came."""

Cut = tuple[int, int, int]
"""Start, end and step along one axis, as ONNX and Python read them."""


def cuts(node: ir.Node, known: Sequence[Dim] | None, rw: Rewriter) -> Mapping[int, Cut] | Skip:
    """What a Slice keeps of each axis; axes count from the start where the rank is known."""
    starts, ends = rw.param_ints(node, "starts", 1), rw.param_ints(node, "ends", 2)
    axes, steps = rw.param_ints(node, "axes", 3), rw.ints(rw.input(node, 4))
    computed = (axes is None and rw.has_input(node, 3)) or (steps is None and rw.has_input(node, 4))
    if starts is None or ends is None or computed:
        return rw.skip("limits, axes or steps are computed")
    axes = tuple(range(len(starts))) if axes is None else axes
    if known is not None:
        axes = tuple(axis % len(known) for axis in axes)
    if len(set(axes)) < len(axes):
        return rw.skip("an axis is named twice")
    steps = (1,) * len(starts) if steps is None else steps
    return dict(zip(axes, zip(starts, ends, steps, strict=True), strict=True))


def restated(
    node: ir.Node, data: ir.Value | None, kept: Mapping[int, Cut], rw: Rewriter
) -> Sequence[ir.Value]:
    """The Slice ``node`` of ``data``, with what is kept of each axis."""
    starts, ends, steps = zip(*kept.values(), strict=True)
    if rw.opset < _INPUTS_SINCE:
        return rw.restate(node, [data], starts=starts, ends=ends, axes=tuple(kept))
    inputs = [data, *(rw.const(item) for item in (starts, ends, tuple(kept)))]
    if set(steps) != {1}:
        inputs.append(rw.const(steps))
    return rw.restate(node, inputs)


def sliced(rw: Rewriter, value: ir.Value, axis: int, start: int, end: int) -> ir.Value:
    """The elements of ``value`` from ``start`` to before ``end`` along one axis."""
    if rw.opset < _INPUTS_SINCE:
        return rw.op("Slice", value, starts=[start], ends=[end], axes=[axis])
    return rw.op("Slice", value, *(rw.const([number]) for number in (start, end, axis)))


def taken(rw: Rewriter, value: ir.Value, axis: int, indices: Sequence[int]) -> ir.Value:
    """These elements along one axis, at least one: a Slice where they lie side by side."""
    if (np.diff(indices) == 1).all():
        return sliced(rw, value, axis, int(indices[0]), int(indices[-1]) + 1)
    return rw.op("Gather", value, rw.const(np.asarray(indices, np.int64)), axis=axis)

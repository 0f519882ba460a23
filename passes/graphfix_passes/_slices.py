"""What Slices cut off, as attributes or as inputs."""

from collections.abc import Mapping, Sequence

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

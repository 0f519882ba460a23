"""What a Pad adds to each axis, as an attribute or as inputs."""

import onnx_ir as ir

from graphfix.rewrite import Rewriter, Skip
from graphfix_passes._known import known_array, rank

Amounts = tuple[tuple[int, ...], tuple[int, ...]]
"""How much is added in front of each axis, and behind it; less than nothing is cut off."""


def amounts(pad: ir.Node, rw: Rewriter) -> Amounts | Skip:
    """What a Pad adds to all axes; those that it does not name get nothing."""
    count = rank(pad.inputs[0])
    pads = rw.attr_ints(pad, "pads") or _integers(rw.input(pad, 1), rw)
    axes = _integers(rw.input(pad, 3), rw)
    if pads is None or (rw.has_input(pad, 3) and axes is None):
        return rw.skip("how much the Pad adds is computed")
    if axes is None:
        axes = tuple(range(len(pads) // 2))
    elif count is None:
        return rw.skip("the rank of what is padded is not known")
    count = len(axes) if count is None else count
    begins, ends = [0] * count, [0] * count
    for axis, begin, end in zip(axes, pads[: len(axes)], pads[len(axes) :], strict=True):
        begins[axis], ends[axis] = begin, end
    return tuple(begins), tuple(ends)


def _integers(value: ir.Value | None, rw: Rewriter) -> tuple[int, ...] | None:
    """Exporters compute pads from constants, which is as good as a constant."""
    array = known_array(value, rw)
    return None if array is None else tuple(int(item) for item in array.reshape(-1))

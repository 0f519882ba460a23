"""Pad: pads for some axes only, and wrapping round."""

import numpy as np
import onnx_ir as ir

from graphfix.rewrite.opsets import Answer, Converter
from graphfix.rewrite.records import Skip
from graphfix_passes._opset.table import DOWN, given


@DOWN.at(18, "Pad", exact=True)
def _axes(node: ir.Node, rw: Converter) -> Answer:
    """Every axis gets its pads: those of an axis that is not named are 0."""
    if not rw.has_input(node, 3):
        return None if len(node.inputs) < 4 else rw.restate(node, node.inputs[:3])
    data, pads, fill = node.inputs[:3]
    axes, rank = rw.ints(node.inputs[3]), rw.rank(data)
    if axes is None or rank is None:
        return Skip("its axes are computed, or the rank of its input is unknown")
    place, count = [axis % rank for axis in axes], len(axes)
    known = rw.ints(pads)
    pick = [place.index(axis) if axis in place else 2 * count for axis in range(rank)]
    pick += [place.index(axis) + count if axis in place else 2 * count for axis in range(rank)]
    if known is not None:
        pads = rw.const([(*known, 0)[index] for index in pick])
    else:
        pads = rw.op("Gather", rw.op("Concat", pads, rw.const([0]), axis=0), rw.const(pick))
    return rw.restate(node, [data, pads, fill])


@DOWN.at(19, "Pad", exact=True)
def _wrap(node: ir.Node, rw: Converter) -> Answer:
    """``mode=wrap`` puts the far end of each axis before its start and the start after its end."""
    if rw.attr_str(node, "mode", "constant") != "wrap":
        return None
    data, pads = given(node), rw.ints(node.inputs[1])
    dims = rw.dims(data)
    axes = rw.ints(node.inputs[3]) if rw.has_input(node, 3) else tuple(range(len(dims or ())))
    if pads is None or axes is None or dims is None:
        return Skip("mode=wrap does not exist before opset 19, and its pads or rank are unknown")
    for axis, before, after in zip(axes, pads, pads[len(axes) :], strict=False):
        dim = dims[axis]
        if dim is None or not (0 <= before <= dim and 0 <= after <= dim):
            return Skip(
                "mode=wrap does not exist before opset 19, and its pads are negative or not known "
                "to be at most the size of the axis"
            )
        pieces = [data]
        if before:
            pieces.insert(0, _part(data, -before, np.iinfo(np.int64).max, axis, rw))
        if after:
            pieces.append(_part(data, 0, after, axis, rw))
        if len(pieces) > 1:
            data = rw.op("Concat", *pieces, axis=axis)
    return data


def _part(data: ir.Value, start: int, end: int, axis: int, rw: Converter) -> ir.Value:
    return rw.op("Slice", data, rw.const([start]), rw.const([end]), rw.const([axis]))

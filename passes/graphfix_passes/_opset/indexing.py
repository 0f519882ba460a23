"""Gathering and scattering: batch dimensions, reductions, triangles."""

import numpy as np
import onnx_ir as ir

from graphfix.rewrite.opsets import Answer, Converter
from graphfix.rewrite.opsets.converter import without_additions
from graphfix.rewrite.records import Skip
from graphfix_passes._opset.table import DOWN, given, number


@DOWN.at(14, "Trilu", exact=True)
def _triangle(node: ir.Node, rw: Converter) -> Answer:
    """Selects by comparing column minus row with the diagonal."""
    data, dtype = node.inputs[0], rw.dtype(node.inputs[0])
    if dtype is None:
        return Skip("the type of its input is unknown, which the zeros must have")
    shape = rw.shape_of(given(node))
    zero, one = (number(x, ir.DataType.INT64, rw) for x in (0, 1))

    def index(axis: int) -> ir.Value:
        count = rw.op("Gather", shape, rw.const(np.asarray(axis, np.int64)))
        return rw.op("Range", zero, count, one)

    distance = rw.op("Sub", index(-1), rw.op("Unsqueeze", index(-2), rw.const([1])))
    diagonal = rw.input(node, 1) or zero
    blank = number(0, dtype, rw)
    if rw.attr_int(node, "upper", 1):
        return rw.op("Where", rw.op("Less", distance, diagonal), blank, data)
    return rw.op("Where", rw.op("Greater", distance, diagonal), blank, data)


@DOWN.at(12, "GatherND", exact=True)
def _batch_dims(node: ir.Node, rw: Converter) -> Answer:
    """Each batch dimension becomes one more coordinate of the index."""
    batch = rw.attr_int(node, "batch_dims", 0)
    if not batch:
        return without_additions(node, rw)
    data, indices = node.inputs
    rank = rw.rank(indices)
    if rank is None:
        return Skip(f"batch_dims={batch} does not exist before opset 12, and ranks are unknown")
    counts = rw.shape_of(given(node, 1))
    one_each = rw.op(
        "Concat",
        rw.op("Slice", counts, rw.const([0]), rw.const([rank - 1]), rw.const([0])),
        rw.const([1]),
        axis=0,
    )
    zero, one = (number(x, ir.DataType.INT64, rw) for x in (0, 1))
    coordinates = []
    for axis in range(batch):
        count = rw.op("Gather", counts, rw.const(np.asarray(axis, np.int64)))
        line = rw.op("Range", zero, count, one)
        column = rw.op("Unsqueeze", line, axes=[index for index in range(rank) if index != axis])
        coordinates.append(rw.op("Expand", column, one_each))
    full = rw.op("Concat", *coordinates, indices, axis=-1)
    (result,) = rw.restate(node, [data, full], drop=["batch_dims"])
    return result


_COMBINE = {"add": "Add", "mul": "Mul", "max": "Max", "min": "Min"}


def _reduction(node: ir.Node, rw: Converter) -> Answer:
    """Where no place is written twice, what is there is read, combined, and written."""
    reduction = rw.attr_str(node, "reduction", "none")
    if reduction == "none" or (rw.opset >= 16 and reduction in ("add", "mul")):
        return without_additions(node, rw)
    data, indices, updates = node.inputs
    known, dims = rw.constant(indices), rw.dims(data)
    axis = rw.attr_int(node, "axis", 0)
    if known is None or dims is None or not _distinct(node.op_type, known, dims, axis):
        return Skip(
            f"reduction={reduction} does not exist in opset {rw.opset}, and its indices are "
            "computed or repeat a place"
        )
    if node.op_type == "ScatterND":
        old = rw.op("GatherND", data, indices)
    else:
        old = rw.op("GatherElements", data, indices, axis=axis)
    combined = rw.op(_COMBINE[reduction], old, updates)
    return rw.restate(node, [data, indices, combined], drop=["reduction"])


DOWN.at(16, "ScatterND", "ScatterElements", exact=True)(_reduction)
DOWN.at(18, "ScatterND", "ScatterElements", exact=True)(_reduction)


def _distinct(op_type: str, indices: np.ndarray, dims: tuple[int | None, ...], axis: int) -> bool:
    if op_type == "ScatterND":
        limits = dims[: indices.shape[-1]]
        if None in limits:
            return False
        rows = np.where(indices < 0, indices + np.asarray(limits), indices)
        rows = rows.reshape(-1, indices.shape[-1])
        return len(np.unique(rows, axis=0)) == len(rows)
    limit = dims[axis]
    if limit is None:
        return False
    lines = np.sort(np.where(indices < 0, indices + limit, indices), axis=axis)
    return not bool((np.diff(lines, axis=axis) == 0).any())

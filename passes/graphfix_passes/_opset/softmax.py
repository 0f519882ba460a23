"""Softmax over one axis, in an opset where the axes from ``axis`` on count as one."""

import onnx_ir as ir

from graphfix.rewrite.opsets import Answer, Converter
from graphfix.rewrite.records import Skip
from graphfix_passes._opset.table import DOWN, number


@DOWN.at(13, "Softmax", "LogSoftmax", "Hardmax")
def _softmax(node: ir.Node, rw: Converter) -> Answer:
    """The last axis means the same in both readings; another one is moved there and back.

    The result therefore also holds for a compiler that reads ``axis`` as opset 13 does.
    """
    axis, dims = rw.attr_int(node, "axis", -1), rw.dims(node.inputs[0])
    if axis == -1:
        return rw.restate(node, axis=-1 if dims is None else max(len(dims) - 1, 0))
    if dims is None:
        return _of_any_rank(node, axis, rw)
    rank = len(dims)
    axis %= rank
    if all(dim == 1 for dim in dims[axis + 1 :]):
        return rw.restate(node, axis=axis)
    order = [index for index in range(rank) if index != axis]
    order.insert(rank - 1, axis) if axis == rank - 1 else order.append(axis)
    back = [order.index(index) for index in range(rank)]
    moved = rw.op("Transpose", node.inputs[0], perm=order)
    (result,) = rw.restate(node, [moved], axis=rank - 1)
    return rw.op("Transpose", result, perm=back)


def _of_any_rank(node: ir.Node, axis: int, rw: Converter) -> Answer:
    data = node.inputs[0]
    if node.op_type == "Hardmax":
        dtype = rw.dtype(data)
        if dtype is None:
            return Skip("neither the rank nor the type of its input is known")
        depth = rw.op("Gather", rw.op("Shape", data), rw.const([axis]))
        values = rw.op("Concat", *(_one(item, dtype, rw) for item in (0, 1)), axis=0)
        return rw.op(
            "OneHot", rw.op("ArgMax", data, axis=axis, keepdims=0), depth, values, axis=axis
        )
    shifted = rw.op("Sub", data, rw.op("ReduceMax", data, axes=[axis]))
    powers = rw.op("Exp", shifted)
    total = rw.op("ReduceSum", powers, axes=[axis])
    if node.op_type == "LogSoftmax":
        return rw.op("Sub", shifted, rw.op("Log", total))
    return rw.op("Div", powers, total)


def _one(item: int, dtype: ir.DataType, rw: Converter) -> ir.Value:
    return rw.op("Unsqueeze", number(item, dtype, rw), axes=[0])

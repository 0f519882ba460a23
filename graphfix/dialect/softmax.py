"""Softmax and LogSoftmax below opset 13, where ATC and ONNX read ``axis`` differently.

ONNX: the axes from ``axis`` on are one. ATC: Softmax on axis 1 (also where there are more behind
it) or on the last is over that axis alone, on another one it is over all that follow, as in ONNX
(canndev 2022-06: fusion_pass/graph_fusion/softmaxv2_onnx_fusion_pass.cc; the plugin of
hicann/ops-nn asks for that pass, too). LogSoftmax is always over one axis, by default the last
(hicann/ops-nn: logsoftmax ONNX plugin). Where no elements lie behind the axis all say the same.
"""

from enum import Enum
from typing import Final

import onnx_ir as ir

from graphfix.dialect.scope import Scope, attr_int

OPERATORS: Final = ("Softmax", "LogSoftmax")
FIRST_ALIKE: Final = 13
"""The opset from which on both read the same."""

_RESHAPE_BY_INPUT: Final = 5
_Dims = tuple[int | None, ...]


class SoftmaxReading(Enum):
    """Who is right about ``axis`` below opset 13 when a file is raised."""

    ATC = "atc"
    """What the NPU computes; scripts that move a Softmax to axis 1 rely on it."""
    ONNX = "onnx"
    """What the exporter meant and onnxruntime computes."""


def lower(node: ir.Node, scope: Scope) -> None:
    """Write a Softmax that both readings take for the same."""
    dims, axis = scope.knowledge.dims(node.inputs[0]), _axis(node, 1)
    if dims is None:
        if axis != -1:
            _flattened(node, axis, scope)
        return
    if 0 in dims:
        return
    over = _onnx_axes(dims, axis)
    if len(over) > 1:
        _flattened(node, axis % len(dims), scope)
        return
    wanted = over[0] if over else max(len(dims) - 1, 0)
    if "axis" not in node.attributes or axis % max(len(dims), 1) != wanted:
        node.attributes.add(ir.AttrInt64("axis", wanted))
        scope.journal.changed(node, f"axis={wanted} written")


def raise_(node: ir.Node, reading: SoftmaxReading, scope: Scope) -> None:
    """Write what ATC computes in ONNX, when that is asked for and is something else."""
    dims, axis = scope.knowledge.dims(node.inputs[0]), _axis(node, 1)
    if dims is None:
        if axis != -1:
            scope.journal.note(
                node,
                f"the rank of its input is not known, so axis={axis} is read "
                f"as ONNX does below opset 13, which ATC may not do",
            )
        return
    read = _axis(node, 1 if node.op_type == "Softmax" else -1) % max(len(dims), 1)
    over = _atc_axes(node.op_type, dims, read)
    if over == _onnx_axes(dims, axis):
        return
    if reading is SoftmaxReading.ONNX:
        scope.journal.note(
            node,
            f"axis={axis} of {len(dims)} is read as ONNX does below opset 13, "
            f"over all axes from it on; ATC reads axis {read} alone (--softmax atc)",
        )
        return
    _over_one_axis(node, read, len(dims), scope)
    scope.journal.note(
        node,
        f"axis {read} of {len(dims)} is read as ATC does, over that axis "
        f"alone; ONNX below opset 13 means all axes from axis={axis} on (--softmax onnx)",
    )


def _axis(node: ir.Node, default: int) -> int:
    return attr_int(node, "axis", default)


def _onnx_axes(dims: _Dims, axis: int) -> list[int]:
    """The axes that ONNX takes together, without those of one element."""
    return [k for k in range(axis % max(len(dims), 1), len(dims)) if dims[k] != 1]


def _atc_axes(op_type: str, dims: _Dims, axis: int) -> list[int]:
    """The same for ATC."""
    if dims and (op_type == "LogSoftmax" or axis == 1):
        return [axis] if dims[axis] != 1 else []
    return _onnx_axes(dims, axis)


def _over_one_axis(node: ir.Node, axis: int, rank: int, scope: Scope) -> None:
    """Move the axis to the end, where all agree, and back."""
    if axis == rank - 1:
        node.attributes.add(ir.AttrInt64("axis", axis))
        scope.journal.changed(node, f"axis={axis} written")
        return
    order = [*(k for k in range(rank) if k != axis), axis]
    rw = scope.at(node)
    moved = rw.op("Transpose", node.inputs[0], perm=order)
    result = rw.copy(node, moved, axis=rank - 1)
    back = rw.op("Transpose", result, perm=[order.index(k) for k in range(rank)])
    scope.replace(node, back)
    scope.journal.changed(node, f"axis={axis} moved to the end and back")


def _flattened(node: ir.Node, axis: int, scope: Scope) -> None:
    """Make the axes from ``axis`` on one, which is then the last."""
    if scope.opset < _RESHAPE_BY_INPUT:
        scope.journal.refuse(
            node, f"ATC reads axis={axis} otherwise, and opset {scope.opset} is too old to spell it"
        )
        return
    data = node.inputs[0]
    dims = scope.knowledge.dims(data)
    rw = scope.at(node)
    flat = rw.op("Flatten", data, axis=axis)
    result = rw.copy(node, flat, axis=1)
    # ATC builds a static graph only when the shape of a Reshape is a constant.
    if dims is not None and dims.count(None) <= 1:
        shape = rw.const([-1 if size is None else size for size in dims])
    else:
        shape = rw.op("Shape", data)
    scope.replace(node, rw.op("Reshape", result, shape))
    scope.journal.changed(node, f"axis={axis} and those behind it made one axis")

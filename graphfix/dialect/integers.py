"""int32 where ONNX wants int64: shapes, counts, pads, and sides of a Concat.

ATC takes both. No rule of its sources asks for int32 there: Resize casts its sizes to int32 itself
(hicann/ops-nn: resize ONNX plugin). Old scripts narrow them all the same, to keep index arithmetic
on AI Core, whose kernels of 2022 list no int64. So raising widens, and lowering narrows only when
it is asked to, and only constants.
"""

from typing import Final

import numpy as np
import onnx_ir as ir

from graphfix.dialect.scope import Scope
from graphfix.rewrite import constant_array
from graphfix.rewrite.opsets import schemas

_NARROWED: Final = {
    ("ConstantOfShape", 0), ("Expand", 1), ("Pad", 1), ("Reshape", 1), ("Resize", 3), ("Tile", 1),
    ("TopK", 1),
}  # fmt: skip
"""Inputs that ONNX wants in int64 and that scripts write in int32."""

_INT32, _INT64 = ir.DataType.INT32, ir.DataType.INT64
_WIDE, _NARROW = "tensor(int64)", "tensor(int32)"


def narrow(node: ir.Node, scope: Scope) -> None:
    """Write the constant shapes of a node in int32 where their values fit."""
    for index, value in enumerate(node.inputs):
        if (node.op_type, index) not in _NARROWED or value is None or value.dtype != _INT64:
            continue
        data = constant_array(value)
        if data is not None and np.array_equal(data, data.astype(np.int32)):
            _write(node, index, data.astype(np.int32), scope)
            scope.journal.changed(node, f"input {index} narrowed to int32")


def widen(node: ir.Node, scope: Scope) -> None:
    """Write int64 where a node has int32 and its operator does not take it, or not beside int64."""
    signature = schemas.parameters(node.op_type, scope.opset)
    if signature is None or not signature[0]:
        return
    inputs, outputs = signature
    formal = [inputs[min(k, len(inputs) - 1)] for k in range(len(node.inputs))]
    wide = {
        parameter.variable
        for parameter, value in zip(formal, node.inputs, strict=True)
        if value is not None and value.dtype == _INT64 and parameter.homogeneous
    }
    for index, (parameter, value) in enumerate(zip(formal, node.inputs, strict=True)):
        if value is None or value.dtype != _INT32 or _WIDE not in parameter.types:
            continue
        if _NARROW in parameter.types and parameter.variable not in wide:
            continue
        data = constant_array(value)
        if data is not None:
            _write(node, index, data.astype(np.int64), scope)
        else:
            rw = scope.at(node)
            cast = rw.op("Cast", value, to=int(_INT64))
            cast.type, cast.shape = ir.TensorType(_INT64), value.shape
            node.replace_input_with(index, cast)
            rw.commit({})
        scope.journal.changed(node, f"input {index} widened to int64")
        for at, out in enumerate(node.outputs):
            if outputs[min(at, len(outputs) - 1)].variable == parameter.variable:
                scope.knowledge.retyped(out)


def _write(node: ir.Node, index: int, data: np.ndarray, scope: Scope) -> None:
    """Give a constant input another type; the constant itself, if nothing else reads it."""
    value = node.inputs[index]
    assert value is not None
    maker = value.producer()
    # value.uses() would copy all of them, for every node that reads a shape many share.
    alone = len(value._uses) == 1 and not value.is_graph_output()
    if alone and (maker is None or "value" in maker.attributes):
        tensor = ir.tensor(data, name=value.name)
        value.type = ir.TensorType(tensor.dtype)
        if maker is None:
            value.const_value = tensor
        else:
            maker.attributes.add(ir.AttrTensor("value", tensor))
        return
    rw = scope.at(node)
    node.replace_input_with(index, rw.const(data))
    rw.commit({})

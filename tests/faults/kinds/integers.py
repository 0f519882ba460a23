"""Integers, casts and quantisation: narrowing, saturation, rounding."""

import numpy as np
import onnx_ir as ir

from graphfix.contract import InRange
from graphfix.rewrite import Rewriter
from tests.faults.kind import Answer, Kinds, is_float, replaced, weight

INTEGERS = Kinds("integers and casts")
fault = INTEGERS.add

MATHS = ("Mul", "Add", "Sub", "Div", "Mod", "Where", "Min", "CumSum")


def _through(node: ir.Node, rw: Rewriter, dtype: ir.DataType, narrow: ir.DataType) -> Answer:
    if node.outputs[0].dtype != dtype:
        return None
    return rw.op("Cast", rw.op("Cast", rw.copy(node), to=int(narrow)), to=int(dtype))


@fault("int64-through-int32", *MATHS)
def _int32(node: ir.Node, rw: Rewriter) -> Answer:
    return _through(node, rw, ir.DataType.INT64, ir.DataType.INT32)


@fault("int64-through-float", *MATHS)
def _float(node: ir.Node, rw: Rewriter) -> Answer:
    return _through(node, rw, ir.DataType.INT64, ir.DataType.FLOAT)


@fault("int32-through-int8", *MATHS)
def _int8(node: ir.Node, rw: Rewriter) -> Answer:
    return _through(node, rw, ir.DataType.INT32, ir.DataType.INT8)


@fault("int64-maths-in-int32", "Mul", contract=InRange())
def _maths(node: ir.Node, rw: Rewriter) -> Answer:
    if node.outputs[0].dtype != ir.DataType.INT64:
        return None
    narrow = [rw.op("Cast", value, to=6) for value in node.inputs]
    return rw.op("Cast", rw.op("Mul", *narrow), to=7)


@fault("integer-division-rounds", "Div")
def _division(node: ir.Node, rw: Rewriter) -> Answer:
    if node.outputs[0].dtype != ir.DataType.INT64:
        return None
    parts = [rw.op("Cast", value, to=1) for value in node.inputs]
    return rw.op("Cast", rw.op("Round", rw.op("Div", *parts)), to=7)


@fault("mod-as-fmod-of-negative", "Mod")
def _mod(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.copy(node, fmod=1 - rw.attr_int(node, "fmod", 0))


@fault("cast-wraps", "Cast")
def _wraps(node: ir.Node, rw: Rewriter) -> Answer:
    if rw.attr_int(node, "to", 0) != int(ir.DataType.UINT8):
        return None
    low = rw.op("Max", node.inputs[0], rw.const(0.0))
    return rw.copy(node, rw.op("Min", low, rw.const(127.0)))


@fault("cast-to-half", "Cast")
def _half(node: ir.Node, rw: Rewriter) -> Answer:
    if rw.attr_int(node, "to", 0) != int(ir.DataType.FLOAT):
        return None
    return rw.op("Cast", rw.copy(node, to=int(ir.DataType.FLOAT16)), to=1)


@fault("quantise-zero-point", "QuantizeLinear", "DequantizeLinear")
def _zero_point(node: ir.Node, rw: Rewriter) -> Answer:
    zero = rw.constant(rw.input(node, 2))
    if zero is None:
        return None
    return rw.copy(node, *replaced(node, 2, rw.const((zero + 1).astype(zero.dtype))))


@fault("quantise-scale", "QuantizeLinear", "DequantizeLinear")
def _scale(node: ir.Node, rw: Rewriter) -> Answer:
    scale = weight(rw, node, 1)
    if scale is None:
        return None
    return rw.copy(node, *replaced(node, 1, rw.const(scale * np.float32(1.001))))


@fault("quantise-rounds-half-up", "QuantizeLinear")
def _half_up(node: ir.Node, rw: Rewriter) -> Answer:
    scale, zero = weight(rw, node, 1), rw.constant(rw.input(node, 2))
    if scale is None or zero is None or zero.dtype != np.int8:
        return None
    steps = rw.op("Div", node.inputs[0], node.inputs[1])
    whole = rw.op("Floor", rw.op("Add", steps, rw.const(0.5)))
    moved = rw.op("Add", whole, rw.const(float(zero.reshape(-1)[0])))
    limited = rw.op("Min", rw.op("Max", moved, rw.const(-128.0)), rw.const(127.0))
    return rw.op("Cast", limited, to=int(ir.DataType.INT8))


@fault("quantise-scale-per-tensor", "DequantizeLinear")
def _per_tensor(node: ir.Node, rw: Rewriter) -> Answer:
    scale = weight(rw, node, 1)
    if scale is None or scale.size < 2:
        return None
    return rw.copy(node, *replaced(node, 1, rw.const(np.full_like(scale, scale.max()))))


@fault("onehot-values-swapped", "OneHot")
def _onehot(node: ir.Node, rw: Rewriter) -> Answer:
    values = weight(rw, node, 2)
    if values is None:
        return None
    return rw.copy(node, *replaced(node, 2, rw.const(np.ascontiguousarray(values[::-1]))))


@fault("onehot-axis", "OneHot")
def _onehot_axis(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.copy(node, axis=1)


@fault("activation-through-half", "Conv", "MatMul", "Relu", "Add", "Mul")
def _activation(node: ir.Node, rw: Rewriter) -> Answer:
    if not is_float(node.outputs[0]):
        return None
    return rw.op("Cast", rw.op("Cast", rw.copy(node), to=10), to=1)

"""QuantizeLinear and DequantizeLinear: scales per channel, wider types, in plain arithmetic."""

import numpy as np
import onnx_ir as ir

from graphfix.rewrite.opsets import Answer, Converter
from graphfix.rewrite.opsets.converter import without_additions
from graphfix.rewrite.records import Skip
from graphfix_passes._opset.table import DOWN, given, number

_BYTES = (ir.DataType.INT8, ir.DataType.UINT8)
_PLAIN = (*_BYTES, ir.DataType.INT16, ir.DataType.UINT16, ir.DataType.INT32)


@DOWN.at(13, "QuantizeLinear", "DequantizeLinear")
def _axis(node: ir.Node, rw: Converter) -> Answer:
    """Before 13 there is one scale for the whole tensor."""
    dims = rw.dims(node.inputs[1])
    if dims is None:
        return Skip("whether it has a scale per channel is unknown")
    if dims == ():
        return rw.restate(node, drop=["axis"]) if "axis" in node.attributes else None
    return _arithmetic(node, rw)


@DOWN.at(21, "QuantizeLinear", exact=True)
def _output_dtype(node: ir.Node, rw: Converter) -> Answer:
    """Before 21 the zero point alone says the type of the result."""
    kind = rw.attr_int(node, "output_dtype", 0)
    if not kind or rw.attr_int(node, "block_size", 0):
        return without_additions(node, rw)
    inputs = list(node.inputs)
    if not rw.has_input(node, 2):
        dims = rw.dims(inputs[1])
        if dims is None or None in dims:
            return Skip("output_dtype without a zero point, and a scale of unknown shape")
        zeros = np.zeros([dim or 0 for dim in dims], ir.DataType(kind).numpy())
        inputs = [*inputs[:2], rw.const(zeros)]
    return rw.restate(node, inputs, drop=["output_dtype", "block_size"])


@DOWN.at(23, "DequantizeLinear", exact=True)
def _result_type(node: ir.Node, rw: Converter) -> Answer:
    kind = rw.attr_int(node, "output_dtype", 0)
    if not kind:
        return without_additions(node, rw)
    scale = rw.dtype(node.inputs[1])
    if scale is None or int(scale) != kind:
        return Skip(f"output_dtype={kind} is not the type of its scale")
    return rw.restate(node, drop=["output_dtype"])


@DOWN.for_types("QuantizeLinear", "DequantizeLinear")
def _types(node: ir.Node, rw: Converter) -> Answer:
    return _arithmetic(node, rw)


def _arithmetic(node: ir.Node, rw: Converter) -> Answer:
    scale, zero = node.inputs[1], rw.input(node, 2)
    dims, rank = rw.dims(scale), rw.rank(node.inputs[0])
    packed = rw.dtype(node.inputs[0] if node.op_type[0] == "D" else (zero or node.outputs[0]))
    wide = rw.dtype(scale)
    if rank is None or dims is None or packed is None or wide is None:
        return Skip("types or ranks that its arithmetic needs are unknown")
    if packed not in _PLAIN or wide not in (ir.DataType.FLOAT, ir.DataType.FLOAT16):
        return Skip(f"{packed.name} with a scale of {wide.name} has no older form")
    if wide == ir.DataType.FLOAT16 and packed not in _BYTES:
        return Skip(f"{packed.name} with a scale of float16 does not fit in float16 arithmetic")
    if rw.attr_int(node, "block_size", 0) or len(dims) > 1:
        return Skip("scales per block do not exist before opset 21")
    if rw.dtype(node.inputs[0]) not in (wide, packed):
        return Skip("its data and its scale have different types")
    axis = rw.attr_int(node, "axis", 1) % max(rank, 1)
    shape = [-1 if index == axis else 1 for index in range(rank)]

    def along(value: ir.Value) -> ir.Value:
        return rw.op("Reshape", value, rw.const(shape)) if dims and rank > 1 else value

    data = node.inputs[0]
    if node.op_type == "DequantizeLinear":
        steps = rw.op("Cast", data, to=int(wide))
        if zero is not None:
            steps = rw.op("Sub", steps, along(rw.op("Cast", zero, to=int(wide))))
        return rw.op("Mul", steps, along(given(node, 1)))
    limits = np.iinfo(packed.numpy())
    steps = rw.op("Round", rw.op("Div", data, along(given(node, 1))))
    if zero is not None:
        steps = rw.op("Add", steps, along(rw.op("Cast", zero, to=int(wide))))
    bounded = rw.op("Clip", steps, number(limits.min, wide, rw), number(limits.max, wide, rw))
    return rw.op("Cast", bounded, to=int(packed))

"""Activations and comparisons that became operators of their own."""

import math

import numpy as np
import onnx_ir as ir

from graphfix.rewrite import Rewriter, Skip
from graphfix.rewrite.opsets import Answer, Converter
from graphfix_passes._opset.table import DOWN, number

_NO_TYPE = Skip("the type of its input is unknown, which the constants of its parts must have")


@DOWN.at(12, "GreaterOrEqual", "LessOrEqual", exact=True)
def _or_equal(node: ir.Node, rw: Converter) -> Answer:
    """Not the negation of the opposite, which would be true for NaN."""
    strict = rw.op(node.op_type.removesuffix("OrEqual"), *node.inputs)
    return rw.op("Or", strict, rw.op("Equal", *node.inputs))


@DOWN.at(12, "Celu")
def _celu(node: ir.Node, rw: Rewriter) -> ir.Value:
    alpha = rw.attr_float(node, "alpha", 1.0)
    factor = rw.const(np.float32(alpha))
    return rw.op("Mul", rw.op("Elu", rw.op("Div", node.inputs[0], factor), alpha=1.0), factor)


@DOWN.at(14, "HardSwish")
def hard_swish(node: ir.Node, rw: Rewriter) -> ir.Value:
    """What computes the same as a HardSwish."""
    data = node.inputs[0]
    return rw.op("Mul", data, rw.op("HardSigmoid", data, alpha=1 / 6, beta=0.5))


@DOWN.at(18, "Mish")
def mish(node: ir.Node, rw: Rewriter) -> ir.Value:
    """What computes the same as a Mish."""
    data = node.inputs[0]
    return rw.op("Mul", data, rw.op("Tanh", rw.op("Softplus", data)))


@DOWN.at(24, "Swish")
def _swish(node: ir.Node, rw: Converter) -> Answer:
    data, alpha = node.inputs[0], rw.attr_float(node, "alpha", 1.0)
    dtype = rw.dtype(data)
    if alpha == 1.0:
        return rw.op("Mul", data, rw.op("Sigmoid", data))
    if dtype is None:
        return _NO_TYPE
    scaled = rw.op("Mul", data, number(alpha, dtype, rw))
    return rw.op("Mul", data, rw.op("Sigmoid", scaled))


@DOWN.at(20, "Gelu")
def gelu(node: ir.Node, rw: Rewriter) -> ir.Value | Skip:
    """A Gelu in the shape that exporters gave it before there was one, which compilers fuse."""
    data, dtype = node.inputs[0], rw.dtype(node.inputs[0])
    if dtype is None:
        return _NO_TYPE
    half, one = number(0.5, dtype, rw), number(1.0, dtype, rw)
    if rw.attr_str(node, "approximate", "none") == "tanh":
        cube = rw.op("Mul", rw.op("Mul", data, data), data)
        inner = rw.op("Add", data, rw.op("Mul", cube, number(0.044715, dtype, rw)))
        bent = rw.op("Tanh", rw.op("Mul", inner, number(math.sqrt(2 / math.pi), dtype, rw)))
    else:
        bent = rw.op("Erf", rw.op("Div", data, number(math.sqrt(2), dtype, rw)))
    return rw.op("Mul", rw.op("Mul", data, rw.op("Add", bent, one)), half)


@DOWN.at(18, "BitwiseNot", exact=True)
def _bitwise_not(node: ir.Node, rw: Converter) -> Answer:
    dtype = rw.dtype(node.inputs[0])
    if dtype is None:
        return _NO_TYPE
    limits = np.iinfo(dtype.numpy())
    return rw.op("Sub", rw.const(np.asarray(limits.max + limits.min, limits.dtype)), node.inputs[0])

"""Elementwise arithmetic with wrong operators, operands, signs or constants."""

import numpy as np
import onnx_ir as ir

from graphfix.rewrite import Rewriter
from tests.faults.kind import Answer, Kinds, is_float, replaced, weight

ARITHMETIC = Kinds("arithmetic")
fault = ARITHMETIC.add


@fault("add-as-sub", "Add")
def _add(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.op("Sub", *node.inputs)


@fault("sub-swapped", "Sub")
def _sub(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.op("Sub", node.inputs[1], node.inputs[0])


@fault("div-swapped", "Div")
def _div(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.op("Div", node.inputs[1], node.inputs[0])


@fault("mul-as-add", "Mul")
def _mul(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.op("Add", *node.inputs)


@fault("residual-dropped", "Add")
def _residual(node: ir.Node, rw: Rewriter) -> Answer:
    if any(rw.constant(value) is not None for value in node.inputs):
        return None
    return rw.op("Identity", node.inputs[0])


@fault("min-max-swapped", "Min", "Max")
def _min(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.op("Max" if node.op_type == "Min" else "Min", *node.inputs)


@fault("offset-sign", "Add", "Sub")
def _sign(node: ir.Node, rw: Rewriter) -> Answer:
    for port in (0, 1):
        array = rw.constant(node.inputs[port])
        if array is not None and array.any() and array.dtype.kind in "if":
            return rw.copy(node, *replaced(node, port, rw.const(-array)))
    return None


@fault("offset-dropped", "Add", "Sub")
def _offset(node: ir.Node, rw: Rewriter) -> Answer:
    array = rw.constant(node.inputs[1])
    return None if array is None or not array.any() else rw.op("Identity", node.inputs[0])


@fault("constant-1-percent", "Add", "Sub", "Mul", "Div")
def _percent(node: ir.Node, rw: Rewriter) -> Answer:
    for port in (0, 1):
        array = weight(rw, node, port)
        if array is not None and array.any():
            changed = rw.const(array * np.float32(1.01))
            return rw.copy(node, *replaced(node, port, changed))
    return None


@fault("constant-rounded-to-3-digits", "Add", "Sub", "Mul", "Div")
def _digits(node: ir.Node, rw: Rewriter) -> Answer:
    for port in (0, 1):
        array = weight(rw, node, port)
        if array is None or array.size != 1:
            continue
        text = np.float32(f"{float(array.reshape(())):.2e}")
        if text != array.reshape(()):
            return rw.copy(node, *replaced(node, port, rw.const(np.full_like(array, text))))
    return None


@fault("epsilon-dropped", "Add")
def _epsilon(node: ir.Node, rw: Rewriter) -> Answer:
    array = weight(rw, node, 1)
    if array is None or array.size != 1 or not 0 < float(array.reshape(())) < 1e-3:
        return None
    return rw.op("Identity", node.inputs[0])


@fault("mul-factor-inverted", "Mul")
def _inverted(node: ir.Node, rw: Rewriter) -> Answer:
    array = weight(rw, node, 1)
    if array is None or not array.all():
        return None
    return rw.copy(node, node.inputs[0], rw.const((1 / array).astype(np.float32)))


@fault("pow-exponent", "Pow")
def _pow(node: ir.Node, rw: Rewriter) -> Answer:
    exponent = rw.scalar(node.inputs[1])
    return None if exponent is None else rw.op("Abs", node.inputs[0])


@fault("sqrt-without-root", "Sqrt")
def _sqrt(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.op("Identity", node.inputs[0])


@fault("sqrt-of-shifted", "Sqrt")
def _sqrt_shifted(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.op("Sqrt", rw.op("Add", node.inputs[0], rw.const(1e-4)))


@fault("exp-as-taylor", "Exp")
def _exp(node: ir.Node, rw: Rewriter) -> Answer:
    x = node.inputs[0]
    square = rw.op("Mul", rw.op("Mul", x, x), rw.const(0.5))
    return rw.op("Add", rw.op("Add", square, x), rw.const(1.0))


@fault("log-of-shifted", "Log")
def _log(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.op("Log", rw.op("Add", node.inputs[0], rw.const(1e-3)))


@fault("neg-dropped", "Neg")
def _neg(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.op("Identity", node.inputs[0])


@fault("floor-truncates", "Floor")
def _floor(node: ir.Node, rw: Rewriter) -> Answer:
    whole = rw.op("Cast", node.inputs[0], to=7)
    return rw.op("Cast", whole, to=1)


@fault("floor-as-round", "Floor")
def _floor_round(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.op("Round", node.inputs[0])


@fault("round-half-up", "Round")
def _round(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.op("Floor", rw.op("Add", node.inputs[0], rw.const(0.5)))


@fault("sign-of-zero", "Sign")
def _zero(node: ir.Node, rw: Rewriter) -> Answer:
    x = node.inputs[0]
    negative = rw.op("Less", x, rw.const(0.0))
    return rw.op("Where", negative, rw.const(-1.0), rw.const(1.0))


@fault("sign-by-division", "Sign")
def _division(node: ir.Node, rw: Rewriter) -> Answer:
    x = node.inputs[0]
    return rw.op("Div", x, rw.op("Abs", x))


@fault("reciprocal-with-epsilon", "Reciprocal")
def _reciprocal(node: ir.Node, rw: Rewriter) -> Answer:
    one = rw.const(1.0)
    return rw.op("Div", one, rw.op("Add", node.inputs[0], rw.const(1e-5)))


@fault("where-branches-swapped", "Where")
def _where(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.copy(node, node.inputs[0], node.inputs[2], node.inputs[1])


@fault("where-one-branch", "Where")
def _branch(node: ir.Node, rw: Rewriter) -> Answer:
    if not is_float(node.outputs[0]):
        return None
    return rw.op("Identity", node.inputs[1])


@fault("mask-fill-infinite", "Where")
def _fill(node: ir.Node, rw: Rewriter) -> Answer:
    fill = weight(rw, node, 2)
    if fill is None or float(fill.min()) > -1000:
        return None
    return rw.copy(node, *node.inputs[:2], rw.const(np.float32(-np.inf)))


@fault("mask-fill-too-small", "Where")
def _small_fill(node: ir.Node, rw: Rewriter) -> Answer:
    fill = weight(rw, node, 2)
    if fill is None or float(fill.min()) > -1000:
        return None
    return rw.copy(node, *node.inputs[:2], rw.const(np.float32(-10)))


@fault("equal-as-greater-or-equal", "Equal")
def _equal(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.op("GreaterOrEqual", *node.inputs)

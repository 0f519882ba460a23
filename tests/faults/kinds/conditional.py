"""Rewrites that are right nearly everywhere: wrong for some sizes, places or values only."""

import numpy as np
import onnx_ir as ir

from graphfix.contract import Close, Exact
from graphfix.rewrite import Rewriter
from tests.faults.kind import Answer, Kinds, attributes_of, is_float, rank

CONDITIONAL = Kinds("wrong only sometimes")
fault = CONDITIONAL.add

USUAL = ("Conv", "Relu", "Add", "MatMul", "Softmax", "Sigmoid")
IMAGES = ("Conv", "Relu", "Add", "Resize", "MaxPool")


def _copy(node: ir.Node, rw: Rewriter, dims: int | None = None) -> ir.Value | None:
    """A copy of the node where its output is float and, if asked, of this rank."""
    if not is_float(node.outputs[0]) or (dims is not None and rank(node.outputs[0]) != dims):
        return None
    return rw.copy(node)


@fault("batch-all-as-the-first", *USUAL, "Reshape", "Transpose")
def _first(node: ir.Node, rw: Rewriter) -> Answer:
    y = _copy(node, rw)
    if y is None or not rank(node.outputs[0]):
        return None
    first = rw.op("Slice", y, rw.const([0]), rw.const([1]), rw.const([0]))
    return rw.op("Expand", first, rw.op("Shape", y))


@fault("batch-reversed", *USUAL)
def _reversed(node: ir.Node, rw: Rewriter) -> Answer:
    y = _copy(node, rw)
    if y is None or not rank(node.outputs[0]):
        return None
    ends = (rw.const([-1]), rw.const([-(2**31)]), rw.const([0]), rw.const([-1]))
    return rw.op("Slice", y, *ends)


@fault("odd-height-loses-a-row", *IMAGES)
def _odd(node: ir.Node, rw: Rewriter) -> Answer:
    y = _copy(node, rw, 4)
    if y is None:
        return None
    size = rw.op("Slice", rw.op("Shape", y), rw.const([2]), rw.const([3]), rw.const([0]))
    half = rw.op("Mul", rw.op("Div", size, rw.const([2])), rw.const([2]))
    even = rw.op("Slice", y, rw.const([0]), half, rw.const([2]))
    rest = rw.op("Sub", size, half)
    pads = rw.op("Concat", rw.const([0, 0, 0, 0, 0, 0]), rest, rw.const([0]), axis=0)
    return rw.op("Pad", even, pads, mode="constant")


@fault("border-repeats-its-neighbour", *IMAGES)
def _border(node: ir.Node, rw: Rewriter) -> Answer:
    y = _copy(node, rw, 4)
    shape = node.outputs[0].shape
    if y is None or shape is None or shape[3] in (1, 2):
        return None
    inner = rw.op("Slice", y, rw.const([0]), rw.const([-1]), rw.const([3]))
    return rw.op("Pad", inner, rw.const([0, 0, 0, 0, 0, 0, 0, 1]), mode="edge")


@fault("corner-element-only", *USUAL)
def _corner(node: ir.Node, rw: Rewriter) -> Answer:
    y = _copy(node, rw)
    if y is None or not rank(node.outputs[0]):
        return None
    flat = rw.op("Reshape", y, rw.const([-1]))
    last = rw.op("Slice", flat, rw.const([-1]), rw.const([2**31]), rw.const([0]))
    rest = rw.op("Slice", flat, rw.const([0]), rw.const([-1]), rw.const([0]))
    grown = rw.op("Add", last, rw.const(0.05))
    return rw.op("Reshape", rw.op("Concat", rest, grown, axis=0), rw.op("Shape", y))


def _channels(node: ir.Node) -> int:
    """Size of axis 1, 0 when unknown."""
    shape = node.outputs[0].shape
    size = shape[1] if shape is not None and len(shape) > 1 else None
    return size if isinstance(size, int) else 0


def _limited(node: ir.Node, rw: Rewriter, low: float, high: float) -> Answer:
    y = _copy(node, rw)
    if y is None:
        return None
    return rw.op("Min", rw.op("Max", y, rw.const(low)), rw.const(high))


@fault("saturates-at-20", *USUAL)
def _clip20(node: ir.Node, rw: Rewriter) -> Answer:
    return _limited(node, rw, -20.0, 20.0)


@fault("saturates-at-200", *USUAL)
def _clip200(node: ir.Node, rw: Rewriter) -> Answer:
    return _limited(node, rw, -200.0, 200.0)


@fault("saturates-below-minus-3", *USUAL)
def _negative(node: ir.Node, rw: Rewriter) -> Answer:
    return _limited(node, rw, -3.0, 3e38)


@fault("small-numbers-flushed", *USUAL)
def _flushed(node: ir.Node, rw: Rewriter) -> Answer:
    y = _copy(node, rw)
    if y is None:
        return None
    tiny = rw.op("Less", rw.op("Abs", y), rw.const(0.01))
    return rw.op("Where", tiny, rw.const(0.0), y)


@fault("zero-becomes-small", "Relu", "Clip", "Mul", "Sign")
def _zero(node: ir.Node, rw: Rewriter) -> Answer:
    y = _copy(node, rw)
    if y is None:
        return None
    zero = rw.op("Equal", y, rw.const(0.0))
    return rw.op("Where", zero, rw.const(0.01), y)


@fault("one-element-is-nan", *USUAL)
def _nan(node: ir.Node, rw: Rewriter) -> Answer:
    y = _copy(node, rw)
    if y is None:
        return None
    flat = rw.op("Reshape", y, rw.const([-1]))
    bad = rw.op("ScatterElements", flat, rw.const([0]), rw.const([float("nan")]), axis=0)
    return rw.op("Reshape", bad, rw.op("Shape", y))


@fault("infinity-becomes-largest", "Log", "Reciprocal", "Div", "Exp")
def _infinite(node: ir.Node, rw: Rewriter) -> Answer:
    return _limited(node, rw, float(np.finfo(np.float32).min), float(np.finfo(np.float32).max))


@fault("minus-zero-becomes-zero", "Mul", "Neg", "Round", "Abs", "Conv", contract=Exact())
def _minus_zero(node: ir.Node, rw: Rewriter) -> Answer:
    y = _copy(node, rw)
    return None if y is None else rw.op("Add", y, rw.const(0.0))


@fault("exact-but-reordered", "Add", contract=Exact())
def _reordered(node: ir.Node, rw: Rewriter) -> Answer:
    if not is_float(node.outputs[0]):
        return None
    a, b = node.inputs
    third = rw.op("Mul", a, rw.const(1 / 3))
    return rw.op("Add", rw.op("Add", third, third), rw.op("Add", third, b))


@fault("exact-but-1-ulp", *USUAL, contract=Exact())
def _ulp(node: ir.Node, rw: Rewriter) -> Answer:
    y = _copy(node, rw)
    return None if y is None else rw.op("Mul", y, rw.const(1.0000001))


@fault("tighter-than-it-keeps", *USUAL, contract=Close(rtol=1e-6))
def _tight(node: ir.Node, rw: Rewriter) -> Answer:
    y = _copy(node, rw)
    return None if y is None else rw.op("Mul", y, rw.const(1.00001))


@fault("scaled-by-1.001", *USUAL)
def _scaled(node: ir.Node, rw: Rewriter) -> Answer:
    y = _copy(node, rw)
    return None if y is None else rw.op("Mul", y, rw.const(1.001))


@fault("offset-of-0.001", *USUAL)
def _offset(node: ir.Node, rw: Rewriter) -> Answer:
    y = _copy(node, rw)
    return None if y is None else rw.op("Add", y, rw.const(0.001))


@fault("channels-rolled", *IMAGES)
def _rolled(node: ir.Node, rw: Rewriter) -> Answer:
    y = _copy(node, rw, 4)
    channels = _channels(node)
    if y is None or channels < 2:
        return None
    order = np.roll(np.arange(channels), 1)
    return rw.op("Gather", y, rw.const(order), axis=1)


@fault("two-channels-swapped", *IMAGES)
def _two(node: ir.Node, rw: Rewriter) -> Answer:
    y = _copy(node, rw, 4)
    channels = _channels(node)
    if y is None or channels < 2:
        return None
    order = np.arange(channels)
    order[[0, -1]] = order[[-1, 0]]
    return rw.op("Gather", y, rw.const(order), axis=1)


@fault("shifted-by-one-pixel", *IMAGES)
def _shifted(node: ir.Node, rw: Rewriter) -> Answer:
    y = _copy(node, rw, 4)
    shape = node.outputs[0].shape
    if y is None or shape is None or shape[3] == 1:
        return None
    inner = rw.op("Slice", y, rw.const([0]), rw.const([-1]), rw.const([3]))
    return rw.op("Pad", inner, rw.const([0, 0, 0, 1, 0, 0, 0, 0]), mode="constant")


@fault("last-step-only", "LSTM", "GRU", "CumSum", "Softmax", "Gather")
def _last_step(node: ir.Node, rw: Rewriter) -> Answer:
    if not is_float(node.outputs[0]) or not rank(node.outputs[0]):
        return None
    outputs = rw.ops(
        node.op_type, *node.inputs, outputs=len(node.outputs), domain="", **attributes_of(node)
    )
    y = outputs[0]
    axis = rw.const([0])
    rest = rw.op("Slice", y, rw.const([0]), rw.const([-1]), axis)
    last = rw.op("Slice", y, rw.const([-1]), rw.const([2**31]), axis)
    doubled = rw.op("Mul", last, rw.const(1.02))
    return [rw.op("Concat", rest, doubled, axis=0), *outputs[1:]]

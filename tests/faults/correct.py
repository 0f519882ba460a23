"""Rewrites that are right and change the arithmetic or the graph: verification must accept them."""

from itertools import pairwise

import numpy as np
import onnx_ir as ir

from graphfix.contract import Exact, InRange
from graphfix.rewrite import Rewriter
from tests.faults.kind import Answer, Kinds, clone, is_float, rank, replaced, static_dims, weight
from tests.faults.kinds.convolution import _folded

CORRECT = Kinds("correct")
right = CORRECT.add


@right("bn-into-conv", "BatchNormalization")
def _bn(node: ir.Node, rw: Rewriter) -> Answer:
    return _folded(node, rw, bias_scaled=True, epsilon=True)


@right("bn-as-scale-and-shift", "BatchNormalization")
def _bn_affine(node: ir.Node, rw: Rewriter) -> Answer:
    gain, beta, mean, var = (weight(rw, node, port) for port in (1, 2, 3, 4))
    dims = rank(node.inputs[0])
    if gain is None or beta is None or mean is None or var is None or dims is None:
        return None
    factor = gain / np.sqrt(var + np.float32(rw.attr_float(node, "epsilon", 1e-5)))
    column = (-1, *[1] * (dims - 2))
    scaled = rw.op("Mul", node.inputs[0], rw.const(factor.reshape(column)))
    return rw.op("Add", scaled, rw.const((beta - mean * factor).reshape(column)))


@right("conv-bias-as-add", "Conv")
def _conv_bias(node: ir.Node, rw: Rewriter) -> Answer:
    bias = weight(rw, node, 2)
    if bias is None:
        return None
    return rw.op("Add", rw.copy(node, *node.inputs[:2]), rw.const(bias[:, None, None]))


@right("conv-pads-as-pad", "Conv")
def _conv_pads(node: ir.Node, rw: Rewriter) -> Answer:
    pads = rw.attr_ints(node, "pads") or ()
    if len(pads) != 4 or not any(pads):
        return None
    wide = rw.op("Pad", node.inputs[0], rw.const([0, 0, *pads[:2], 0, 0, *pads[2:]]))
    return rw.copy(node, wide, *node.inputs[1:], pads=[0, 0, 0, 0])


@right("pointwise-conv-as-matmul", "Conv")
def _conv_matmul(node: ir.Node, rw: Rewriter) -> Answer:
    data, bias = weight(rw, node, 1), weight(rw, node, 2)
    plain = rw.attr_int(node, "group", 1) == 1 and not rw.attr_ints(node, "strides")
    if data is None or data.shape[2:] != (1, 1) or not plain:
        return None
    last = rw.op("Transpose", node.inputs[0], perm=[0, 2, 3, 1])
    product = rw.op("MatMul", last, rw.const(np.ascontiguousarray(data[:, :, 0, 0].T)))
    if bias is not None:
        product = rw.op("Add", product, rw.const(bias))
    return rw.op("Transpose", product, perm=[0, 3, 1, 2])


@right("conv-in-two-halves", "Conv")
def _conv_split(node: ir.Node, rw: Rewriter) -> Answer:
    data = weight(rw, node, 1)
    if data is None or data.shape[1] < 2 or rw.attr_int(node, "group", 1) > 1:
        return None
    half = data.shape[1] // 2
    parts = [
        rw.op("Slice", node.inputs[0], rw.const([a]), rw.const([b]), rw.const([1]))
        for a, b in ((0, half), (half, data.shape[1]))
    ]
    left = rw.copy(node, parts[0], rw.const(np.ascontiguousarray(data[:, :half])), *node.inputs[2:])
    right_ = rw.copy(node, parts[1], rw.const(np.ascontiguousarray(data[:, half:])))
    return rw.op("Add", left, right_)


@right("gemm-as-matmul", "Gemm")
def _gemm(node: ir.Node, rw: Rewriter) -> Answer:
    data, bias = weight(rw, node, 1), weight(rw, node, 2)
    if data is None or bias is None:
        return None
    turned = data.T if rw.attr_int(node, "transB", 0) else data
    product = rw.op("MatMul", node.inputs[0], rw.const(np.ascontiguousarray(turned)))
    return rw.op("Add", product, rw.const(bias))


@right("matmul-scaled-inside", "Mul")
def _scale_inside(node: ir.Node, rw: Rewriter) -> Answer:
    above = rw.producer(node.inputs[0], "MatMul")
    factor = weight(rw, node, 1)
    if above is None or factor is None or factor.size != 1:
        return None
    return rw.op("MatMul", rw.op("Mul", above.inputs[0], node.inputs[1]), above.inputs[1])


@right("hardswish-decomposed", "HardSwish")
def _hardswish(node: ir.Node, rw: Rewriter) -> Answer:
    x = node.inputs[0]
    limited = rw.op("Clip", rw.op("Add", x, rw.const(3.0)), rw.const(0.0), rw.const(6.0))
    return rw.op("Div", rw.op("Mul", x, limited), rw.const(6.0))


@right("layernorm-decomposed", "LayerNormalization")
def _layernorm(node: ir.Node, rw: Rewriter) -> Answer:
    x = node.inputs[0]
    centred = rw.op("Sub", x, rw.op("ReduceMean", x, axes=[-1], keepdims=1))
    var = rw.op("ReduceMean", rw.op("Mul", centred, centred), axes=[-1], keepdims=1)
    eps = rw.const(rw.attr_float(node, "epsilon", 1e-5))
    normal = rw.op("Div", centred, rw.op("Sqrt", rw.op("Add", var, eps)))
    scaled = rw.op("Mul", normal, node.inputs[1])
    return rw.op("Add", scaled, node.inputs[2]) if len(node.inputs) > 2 else scaled


@right("instancenorm-decomposed", "InstanceNormalization")
def _instancenorm(node: ir.Node, rw: Rewriter) -> Answer:
    x, gain, bias = node.inputs
    centred = rw.op("Sub", x, rw.op("ReduceMean", x, axes=[2, 3], keepdims=1))
    var = rw.op("ReduceMean", rw.op("Mul", centred, centred), axes=[2, 3], keepdims=1)
    eps = rw.const(rw.attr_float(node, "epsilon", 1e-5))
    normal = rw.op("Div", centred, rw.op("Sqrt", rw.op("Add", var, eps)))
    column = rw.const([1, -1, 1, 1])
    scaled = rw.op("Mul", normal, rw.op("Reshape", gain, column))
    return rw.op("Add", scaled, rw.op("Reshape", bias, column))


@right("gelu-halved-first", "Mul")
def _gelu(node: ir.Node, rw: Rewriter) -> Answer:
    above, half = rw.producer(node.inputs[0], "Mul"), rw.scalar(node.inputs[1])
    if above is None or half != 0.5:
        return None
    return rw.op("Mul", rw.op("Mul", above.inputs[0], node.inputs[1]), above.inputs[1])


@right("softmax-decomposed", "Softmax")
def _softmax(node: ir.Node, rw: Rewriter) -> Answer:
    if rw.opset < 13:
        return None
    axis, x = rw.attr_int(node, "axis", -1), node.inputs[0]
    power = rw.op("Exp", rw.op("Sub", x, rw.op("ReduceMax", x, axes=[axis], keepdims=1)))
    return rw.op("Div", power, rw.op("ReduceSum", power, rw.const([axis]), keepdims=1))


@right("softmax-11-through-two-dims", "Softmax", contract=Exact())
def _softmax11(node: ir.Node, rw: Rewriter) -> Answer:
    if rw.opset >= 13:
        return None
    flat = rw.op("Flatten", node.inputs[0], axis=rw.attr_int(node, "axis", 1))
    even = rw.op("Softmax", flat, axis=1)
    return rw.op("Reshape", even, rw.op("Shape", node.inputs[0]))


@right("sigmoid-by-tanh", "Sigmoid")
def _sigmoid(node: ir.Node, rw: Rewriter) -> Answer:
    half = rw.const(0.5)
    turned = rw.op("Tanh", rw.op("Mul", node.inputs[0], half))
    return rw.op("Add", rw.op("Mul", turned, half), half)


@right("softplus-stable", "Softplus")
def _softplus(node: ir.Node, rw: Rewriter) -> Answer:
    x = node.inputs[0]
    power = rw.op("Exp", rw.op("Neg", rw.op("Abs", x)))
    rest = rw.op("Log", rw.op("Add", power, rw.const(1.0)))
    return rw.op("Add", rw.op("Relu", x), rest)


@right("relu-as-max", "Relu")
def _relu(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.op("Max", node.inputs[0], rw.const(0.0))


@right("leaky-as-max", "LeakyRelu")
def _leaky(node: ir.Node, rw: Rewriter) -> Answer:
    x = node.inputs[0]
    return rw.op("Max", x, rw.op("Mul", x, rw.const(rw.attr_float(node, "alpha", 0.01))))


@right("clip-as-min-max", "Clip", contract=Exact())
def _clip(node: ir.Node, rw: Rewriter) -> Answer:
    x, low, high = node.inputs
    return rw.op("Min", rw.op("Max", x, low), high)


@right("div-as-mul", "Div")
def _div(node: ir.Node, rw: Rewriter) -> Answer:
    data = weight(rw, node, 1)
    return None if data is None else rw.op("Mul", node.inputs[0], rw.const(1 / data))


@right("pow-as-mul", "Pow")
def _pow(node: ir.Node, rw: Rewriter) -> Answer:
    x = node.inputs[0]
    return rw.op("Mul", x, x) if rw.scalar(node.inputs[1]) == 2 else None


@right("sub-as-add", "Sub", contract=Exact())
def _sub(node: ir.Node, rw: Rewriter) -> Answer:
    if not is_float(node.outputs[0]):
        return None
    return rw.op("Add", node.inputs[0], rw.op("Neg", node.inputs[1]))


@right("add-commuted", "Add", "Mul", contract=Exact())
def _commuted(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.op(node.op_type, node.inputs[1], node.inputs[0])


@right("sums-regrouped", "Add")
def _regrouped(node: ir.Node, rw: Rewriter) -> Answer:
    above = rw.producer(node.inputs[0], "Add")
    if above is None or not is_float(node.outputs[0]):
        return None
    a, b = above.inputs
    return rw.op("Add", a, rw.op("Add", b, node.inputs[1]))


@right("mean-as-sum-over-count", "ReduceMean")
def _mean(node: ir.Node, rw: Rewriter) -> Answer:
    axes, sizes = rw.param_ints(node, "axes", 1), static_dims(node.inputs[0])
    count = sizes[axes[0]] if axes and sizes else None
    if not axes or rw.opset < 13 or count is None:
        return None
    keep = rw.attr_int(node, "keepdims", 1)
    total = rw.op("ReduceSum", node.inputs[0], rw.const(list(axes)), keepdims=keep)
    return rw.op("Div", total, rw.const(float(count)))


@right("l2-by-hand", "ReduceL2")
def _l2(node: ir.Node, rw: Rewriter) -> Answer:
    axes = rw.param_ints(node, "axes", 1)
    if not axes:
        return None
    square = rw.op("Mul", node.inputs[0], node.inputs[0])
    keep = rw.attr_int(node, "keepdims", 1)
    return rw.op("Sqrt", rw.op("ReduceSum", square, rw.const(list(axes)), keepdims=keep))


@right("global-average-as-mean", "GlobalAveragePool")
def _global(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.op("ReduceMean", node.inputs[0], axes=[2, 3], keepdims=1)


@right("transpose-pushed-below-relu", "Transpose", contract=Exact())
def _push(node: ir.Node, rw: Rewriter) -> Answer:
    below = rw.only_reader(node.outputs[0], "Relu", "Tanh", "Sigmoid", "Neg")
    if below is None:
        return None
    inner = rw.op(below.op_type, node.inputs[0])
    return {below.outputs[0]: rw.copy(node, inner)}


@right("transpose-twice-more", "Transpose", contract=Exact())
def _twice(node: ir.Node, rw: Rewriter) -> Answer:
    perm = list(rw.attr_ints(node, "perm") or ())
    if not perm:
        return None
    back = [perm.index(k) for k in range(len(perm))]
    there = rw.op("Transpose", rw.copy(node), perm=back)
    return rw.op("Transpose", there, perm=perm)


@right("gather-as-slice", "Gather", contract=Exact())
def _gather(node: ir.Node, rw: Rewriter) -> Answer:
    index, axis = rw.scalar(node.inputs[1]), rw.attr_int(node, "axis", 0)
    if index is None or index < 0 or rank(node.inputs[1]) != 0 or rw.opset < 13:
        return None
    ends = (rw.const([int(index)]), rw.const([int(index) + 1]), rw.const([axis]))
    return rw.op("Squeeze", rw.op("Slice", node.inputs[0], *ends), rw.const([axis]))


@right("split-as-slices", "Split", contract=Exact())
def _split(node: ir.Node, rw: Rewriter) -> Answer:
    sizes, axis = rw.param_ints(node, "split", 1), rw.attr_int(node, "axis", 0)
    if sizes is None:
        return None
    edges = np.concatenate([[0], np.cumsum(sizes)])
    return [
        rw.op("Slice", node.inputs[0], rw.const([int(a)]), rw.const([int(b)]), rw.const([axis]))
        for a, b in pairwise(edges)
    ]


@right("reshape-through-flat", "Reshape", contract=Exact())
def _flat(node: ir.Node, rw: Rewriter) -> Answer:
    shape = rw.op("Shape", rw.copy(node))
    return rw.op("Reshape", rw.op("Reshape", node.inputs[0], rw.const([-1])), shape)


@right("depthtospace-decomposed", "DepthToSpace", contract=Exact())
def _d2s(node: ir.Node, rw: Rewriter) -> Answer:
    block = rw.attr_int(node, "blocksize", 1)
    if rw.attr_str(node, "mode", "DCR") != "CRD":
        return None
    size = rw.op("Shape", node.inputs[0])
    n, c, h, w = (
        rw.op("Slice", size, rw.const([k]), rw.const([k + 1]), rw.const([0])) for k in range(4)
    )
    b = rw.const([block])
    fewer = rw.op("Div", c, rw.const([block * block]))
    six = rw.op("Concat", n, fewer, b, b, h, w, axis=0)
    turned = rw.op("Transpose", rw.op("Reshape", node.inputs[0], six), perm=[0, 1, 4, 2, 5, 3])
    last = rw.op("Concat", n, fewer, rw.op("Mul", h, b), rw.op("Mul", w, b), axis=0)
    return rw.op("Reshape", turned, last)


@right("lstm-split-into-directions", "LSTM")
def _lstm(node: ir.Node, rw: Rewriter) -> Answer:
    arrays = [weight(rw, node, port) for port in (1, 2, 3)]
    if any(a is None or a.shape[0] != 2 for a in arrays) or len(node.inputs) != 7:
        return None
    halves = []
    for k, way in enumerate(("forward", "reverse")):
        own = [rw.const(np.ascontiguousarray(a[k : k + 1])) for a in arrays if a is not None]
        states = [
            rw.op("Slice", node.inputs[p], rw.const([k]), rw.const([k + 1]), rw.const([0]))
            for p in (5, 6)
        ]
        halves.append(clone(rw, node, [node.inputs[0], *own, None, *states], direction=way))
    return [
        rw.op("Concat", a, b, axis=1 if port == 0 else 0)
        for port, (a, b) in enumerate(zip(*halves, strict=True))
    ]


@right("cumsum-by-triangle", "CumSum")
def _cumsum(node: ir.Node, rw: Rewriter) -> Answer:
    if not is_float(node.outputs[0]) or rank(node.inputs[0]) != 3:
        return None
    inclusive = rw.op("CumSum", node.inputs[0], node.inputs[1])
    return rw.op("Sub", inclusive, node.inputs[0]) if rw.attr_int(node, "exclusive", 0) else None


@right("where-by-mask", "Where")
def _where(node: ir.Node, rw: Rewriter) -> Answer:
    if node.outputs[0].dtype != ir.DataType.INT64:
        return None
    mask = rw.op("Cast", node.inputs[0], to=7)
    other = rw.op("Sub", rw.const(1), mask)
    chosen = rw.op("Mul", mask, node.inputs[1])
    return rw.op("Add", chosen, rw.op("Mul", other, node.inputs[2]))


@right("indices-in-int32", "Gather", contract=InRange())
def _indices(node: ir.Node, rw: Rewriter) -> Answer:
    if rw.constant(node.inputs[1]) is not None:
        return None
    return rw.copy(node, *replaced(node, 1, rw.op("Cast", node.inputs[1], to=6)))


@right("maxpool-padded-with-minus-infinity", "MaxPool", contract=Exact())
def _maxpool(node: ir.Node, rw: Rewriter) -> Answer:
    pads = rw.attr_ints(node, "pads") or ()
    if len(pads) != 4 or not any(pads) or rw.attr_int(node, "ceil_mode", 0):
        return None
    wide = rw.const([0, 0, *pads[:2], 0, 0, *pads[2:]])
    padded = rw.op("Pad", node.inputs[0], wide, rw.const(-np.inf), mode="constant")
    return rw.copy(node, padded, pads=[0, 0, 0, 0])


@right("if-condition-negated", "If", contract=Exact())
def _if(node: ir.Node, rw: Rewriter) -> Answer:
    then = node.attributes["then_branch"].as_graph().clone(allow_outer_scope_values=True)
    other = node.attributes["else_branch"].as_graph().clone(allow_outer_scope_values=True)
    return rw.ops(
        "If",
        rw.op("Not", node.inputs[0]),
        outputs=len(node.outputs),
        then_branch=ir.AttrGraph("then_branch", other),
        else_branch=ir.AttrGraph("else_branch", then),
    )

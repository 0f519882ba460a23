"""Activations and normalisations with wrong constants, axes or approximations."""

import numpy as np
import onnx_ir as ir

from graphfix.rewrite import Rewriter
from tests.faults.kind import Answer, Kinds, rank, replaced, weight, with_input

ACTIVATIONS = Kinds("activations")
fault = ACTIVATIONS.add


@fault("relu-dropped", "Relu")
def _relu_dropped(node: ir.Node, rw: Rewriter) -> Answer:
    return node.inputs[0]


@fault("relu-as-abs", "Relu")
def _relu_abs(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.op("Abs", node.inputs[0])


@fault("relu-as-relu6", "Relu")
def _relu6(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.op("Clip", node.inputs[0], rw.const(0.0), rw.const(6.0))


@fault("abs-dropped", "Abs")
def _abs_dropped(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.op("Identity", node.inputs[0])


@fault("leaky-slope", "LeakyRelu")
def _leaky(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.copy(node, alpha=rw.attr_float(node, "alpha", 0.01) * 0.1)


@fault("leaky-as-relu", "LeakyRelu")
def _leaky_relu(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.op("Relu", node.inputs[0])


@fault("prelu-slopes-rolled", "PRelu")
def _prelu(node: ir.Node, rw: Rewriter) -> Answer:
    rolled = rw.op("Gather", node.inputs[1], rw.const(np.roll(np.arange(24), 1)), axis=0)
    return rw.copy(node, node.inputs[0], rolled)


@fault("elu-alpha", "Elu")
def _elu(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.copy(node, alpha=1.0)


@fault("selu-gamma", "Selu")
def _selu(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.copy(node, gamma=1.05)


@fault("thresholdedrelu-alpha", "ThresholdedRelu")
def _thresholded(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.copy(node, alpha=0.32)


@fault("hardsigmoid-alpha", "HardSigmoid")
def _hardsigmoid(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.copy(node, alpha=rw.attr_float(node, "alpha", 0.2) * 1.02)


@fault("hardsigmoid-beta", "HardSigmoid")
def _hardsigmoid_beta(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.copy(node, beta=0.5)


@fault("hardswish-sixth-rounded", "HardSwish")
def _hardswish(node: ir.Node, rw: Rewriter) -> Answer:
    x = node.inputs[0]
    return rw.op("Mul", x, rw.op("HardSigmoid", x, alpha=0.1667, beta=0.5))


@fault("sigmoid-as-hardsigmoid", "Sigmoid")
def _sigmoid(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.op("HardSigmoid", node.inputs[0], alpha=0.2, beta=0.5)


@fault("erf-as-tanh", "Erf")
def _erf(node: ir.Node, rw: Rewriter) -> Answer:
    x = node.inputs[0]
    cube = rw.op("Mul", rw.op("Mul", x, x), x)
    inner = rw.op("Add", x, rw.op("Mul", cube, rw.const(0.0894)))
    return rw.op("Tanh", rw.op("Mul", inner, rw.const(1.1283792)))


@fault("tanh-as-clip", "Tanh")
def _tanh(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.op("Clip", node.inputs[0], rw.const(-1.0), rw.const(1.0))


@fault("softsign-without-abs", "Softsign")
def _softsign(node: ir.Node, rw: Rewriter) -> Answer:
    x = node.inputs[0]
    return rw.op("Div", x, rw.op("Add", rw.op("Max", x, rw.const(0.0)), rw.const(1.0)))


@fault("softplus-overflows", "Softplus")
def _softplus(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.op("Log", rw.op("Add", rw.op("Exp", node.inputs[0]), rw.const(1.0)))


@fault("softmax-axis", "Softmax", "LogSoftmax")
def _softmax_axis(node: ir.Node, rw: Rewriter) -> Answer:
    axis = rw.attr_int(node, "axis", -1)
    dims = rank(node.inputs[0])
    if dims is None or dims < 2:
        return None
    return rw.copy(node, axis=(axis % dims - 1) % dims)


@fault("softmax-without-maximum", "Softmax")
def _softmax_overflow(node: ir.Node, rw: Rewriter) -> Answer:
    if rw.opset < 13:
        return None
    power = rw.op("Exp", node.inputs[0])
    axes = rw.const([rw.attr_int(node, "axis", -1)])
    return rw.op("Div", power, rw.op("ReduceSum", power, axes, keepdims=1))


@fault("softmax-11-as-13", "Softmax")
def _softmax_11(node: ir.Node, rw: Rewriter) -> Answer:
    if rw.opset >= 13:
        return None
    x, axis = node.inputs[0], rw.attr_int(node, "axis", 1)
    if axis == (rank(x) or 0) - 1 or axis == -1:
        return None
    peak = rw.op("ReduceMax", x, axes=[axis], keepdims=1)
    power = rw.op("Exp", rw.op("Sub", x, peak))
    return rw.op("Div", power, rw.op("ReduceSum", power, axes=[axis], keepdims=1))


@fault("logsoftmax-as-log-of-softmax", "LogSoftmax")
def _logsoftmax(node: ir.Node, rw: Rewriter) -> Answer:
    axis = rw.attr_int(node, "axis", -1)
    return rw.op("Log", rw.op("Softmax", node.inputs[0], axis=axis))


@fault("clip-upper-bound", "Clip")
def _clip_max(node: ir.Node, rw: Rewriter) -> Answer:
    most = weight(rw, node, 2)
    return None if most is None else with_input(rw, node, 2, most * np.float32(1.1))


@fault("clip-lower-bound-dropped", "Clip")
def _clip_min(node: ir.Node, rw: Rewriter) -> Answer:
    if weight(rw, node, 1) is None:
        return None
    return rw.copy(node, *replaced(node, 1, None))


@fault("layernorm-epsilon", "LayerNormalization", "InstanceNormalization")
def _ln_epsilon(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.copy(node, epsilon=rw.attr_float(node, "epsilon", 1e-5) * 100)


@fault("layernorm-unbiased-variance", "LayerNormalization")
def _ln_unbiased(node: ir.Node, rw: Rewriter) -> Answer:
    gain = weight(rw, node, 1)
    if gain is None:
        return None
    factor = np.float32(np.sqrt((gain.size - 1) / gain.size))
    return with_input(rw, node, 1, gain * factor)


@fault("layernorm-bias-dropped", "LayerNormalization")
def _ln_bias(node: ir.Node, rw: Rewriter) -> Answer:
    if weight(rw, node, 2) is None:
        return None
    return rw.copy(node, *node.inputs[:2])


@fault("instancenorm-over-the-batch", "InstanceNormalization")
def _in_batch(node: ir.Node, rw: Rewriter) -> Answer:
    x, gain, bias = node.inputs
    mean = rw.op("ReduceMean", x, axes=[0, 2, 3], keepdims=1)
    centred = rw.op("Sub", x, mean)
    var = rw.op("ReduceMean", rw.op("Mul", centred, centred), axes=[0, 2, 3], keepdims=1)
    eps = rw.const(rw.attr_float(node, "epsilon", 1e-5))
    normal = rw.op("Div", centred, rw.op("Sqrt", rw.op("Add", var, eps)))
    column = rw.const([1, -1, 1, 1])
    scaled = rw.op("Mul", normal, rw.op("Reshape", gain, column))
    return rw.op("Add", scaled, rw.op("Reshape", bias, column))


@fault("lrn-size", "LRN")
def _lrn_size(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.copy(node, size=rw.attr_int(node, "size", 3) + 2)


@fault("lrn-alpha-per-element", "LRN")
def _lrn_alpha(node: ir.Node, rw: Rewriter) -> Answer:
    size = rw.attr_int(node, "size", 3)
    return rw.copy(node, alpha=rw.attr_float(node, "alpha", 1e-4) * size)

"""Convolutions, Gemm, MatMul and BatchNormalization with wrong attributes or weights."""

import numpy as np
import onnx_ir as ir

from graphfix.rewrite import Rewriter
from tests.faults.kind import Answer, Kinds, replaced, weight, with_input

CONVOLUTION = Kinds("convolution")
fault = CONVOLUTION.add

CONVS = ("Conv", "ConvTranspose")
LINEAR = (*CONVS, "Gemm", "MatMul")


@fault("pads-shifted", *CONVS)
def _pads_shifted(node: ir.Node, rw: Rewriter) -> Answer:
    pads = list(rw.attr_ints(node, "pads") or ())
    axis = next((k for k in range(len(pads) // 2) if pads[len(pads) // 2 + k] > 0), None)
    if axis is None:
        return None
    pads[axis] += 1
    pads[axis + len(pads) // 2] -= 1
    return rw.copy(node, pads=pads)


@fault("pads-one-short", "Conv")
def _pads_one_short(node: ir.Node, rw: Rewriter) -> Answer:
    pads = list(rw.attr_ints(node, "pads") or ())
    if not pads or pads[-1] == 0:
        return None
    return rw.copy(node, pads=[*pads[:-1], pads[-1] - 1])


@fault("pads-height-for-width", *CONVS)
def _pads_swapped(node: ir.Node, rw: Rewriter) -> Answer:
    pads = rw.attr_ints(node, "pads") or ()
    if len(pads) != 4 or (pads[0] == pads[1] and pads[2] == pads[3]):
        return None
    return rw.copy(node, pads=[pads[1], pads[0], pads[3], pads[2]])


@fault("bias-dropped", *CONVS, "Gemm")
def _bias_dropped(node: ir.Node, rw: Rewriter) -> Answer:
    if weight(rw, node, 2) is None:
        return None
    return rw.copy(node, *node.inputs[:2])


@fault("bias-negated", *CONVS, "Gemm")
def _bias_negated(node: ir.Node, rw: Rewriter) -> Answer:
    bias = weight(rw, node, 2)
    return None if bias is None else with_input(rw, node, 2, -bias)


@fault("bias-added-twice", *CONVS, "Gemm")
def _bias_twice(node: ir.Node, rw: Rewriter) -> Answer:
    bias = weight(rw, node, 2)
    return None if bias is None else with_input(rw, node, 2, 2 * bias)


@fault("weights-kernel-transposed", *CONVS)
def _kernel_transposed(node: ir.Node, rw: Rewriter) -> Answer:
    data = weight(rw, node, 1)
    if data is None or data.ndim != 4 or data.shape[2] != data.shape[3] or data.shape[2] == 1:
        return None
    return with_input(rw, node, 1, np.ascontiguousarray(data.swapaxes(2, 3)))


@fault("weights-kernel-flipped", *CONVS)
def _kernel_flipped(node: ir.Node, rw: Rewriter) -> Answer:
    data = weight(rw, node, 1)
    if data is None or data.ndim != 4 or data.shape[2:] == (1, 1):
        return None
    return with_input(rw, node, 1, np.ascontiguousarray(data[:, :, ::-1, ::-1]))


@fault("weights-transposed", *LINEAR)
def _transposed(node: ir.Node, rw: Rewriter) -> Answer:
    data = weight(rw, node, 1)
    if data is None or data.ndim < 2 or data.shape[0] != data.shape[1]:
        return None
    return with_input(rw, node, 1, np.ascontiguousarray(data.swapaxes(0, 1)))


@fault("weights-1-percent", *LINEAR)
def _one_percent(node: ir.Node, rw: Rewriter) -> Answer:
    data = weight(rw, node, 1)
    return None if data is None else with_input(rw, node, 1, data * np.float32(1.01))


@fault("weights-one-element", *LINEAR)
def _one_element(node: ir.Node, rw: Rewriter) -> Answer:
    data = weight(rw, node, 1)
    if data is None:
        return None
    data = data.copy()
    place = data.size // 2
    data.flat[place] = 1.5 * data.flat[place] + 0.01
    return with_input(rw, node, 1, data)


@fault("weights-half-precision", *LINEAR)
def _half(node: ir.Node, rw: Rewriter) -> Answer:
    data = weight(rw, node, 1)
    if data is None:
        return None
    return with_input(rw, node, 1, data.astype(np.float16).astype(np.float32))


@fault("weights-rounded-to-int8", *LINEAR)
def _int8(node: ir.Node, rw: Rewriter) -> Answer:
    data = weight(rw, node, 1)
    if data is None:
        return None
    step = np.abs(data).max() / 127 or 1
    return with_input(rw, node, 1, (np.rint(data / step) * step).astype(np.float32))


@fault("weights-last-channel-stale", *LINEAR)
def _last_channel(node: ir.Node, rw: Rewriter) -> Answer:
    data = weight(rw, node, 1)
    if data is None or data.shape[0] < 2:
        return None
    data = data.copy()
    data[-1] = data[-2]
    return with_input(rw, node, 1, data)


@fault("dilation-dropped", "Conv")
def _dilation(node: ir.Node, rw: Rewriter) -> Answer:
    dilations, pads = rw.attr_ints(node, "dilations"), rw.attr_ints(node, "pads")
    if not dilations or max(dilations) == 1 or not pads:
        return None
    return rw.copy(
        node, dilations=[1, 1], pads=[p // d for p, d in zip(pads, dilations * 2, strict=True)]
    )


@fault("strides-swapped", "Conv", "MaxPool", "AveragePool")
def _strides(node: ir.Node, rw: Rewriter) -> Answer:
    strides = rw.attr_ints(node, "strides")
    if not strides or len(set(strides)) == 1:
        return None
    return rw.copy(node, strides=list(strides[::-1]))


@fault("group-weights-rolled", *CONVS)
def _groups_rolled(node: ir.Node, rw: Rewriter) -> Answer:
    data, group = weight(rw, node, 1), rw.attr_int(node, "group", 1)
    if data is None or group == 1:
        return None
    return with_input(rw, node, 1, np.roll(data, data.shape[0] // group, 0))


@fault("group-dropped", "Conv")
def _group_dropped(node: ir.Node, rw: Rewriter) -> Answer:
    data, group = weight(rw, node, 1), rw.attr_int(node, "group", 1)
    if data is None or group == 1:
        return None
    wide = np.tile(data, (1, group, 1, 1)) / np.float32(group)
    return with_input(rw, node, 1, wide.astype(np.float32), group=1)


@fault("output-padding-swapped", "ConvTranspose")
def _output_padding(node: ir.Node, rw: Rewriter) -> Answer:
    extra = rw.attr_ints(node, "output_padding")
    if not extra or extra[0] == extra[1]:
        return None
    return rw.copy(node, output_padding=[extra[1], extra[0]])


@fault("gemm-alpha", "Gemm")
def _alpha(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.copy(node, alpha=rw.attr_float(node, "alpha", 1.0) * 1.001)


@fault("gemm-beta", "Gemm")
def _beta(node: ir.Node, rw: Rewriter) -> Answer:
    return None if weight(rw, node, 2) is None else rw.copy(node, beta=0.5)


@fault("gemm-transB-dropped", "Gemm")
def _trans_b(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.copy(node, transB=1 - rw.attr_int(node, "transB", 0))


@fault("matmul-inputs-swapped", "MatMul")
def _matmul_swapped(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.copy(node, node.inputs[1], node.inputs[0])


@fault("bn-mean-var-swapped", "BatchNormalization")
def _mean_var(node: ir.Node, rw: Rewriter) -> Answer:
    mean, var = weight(rw, node, 3), weight(rw, node, 4)
    if mean is None or var is None:
        return None
    inputs = replaced(node, 3, rw.const(var))
    inputs[4] = rw.const(np.abs(mean))
    return rw.copy(node, *inputs)


@fault("bn-scale-bias-swapped", "BatchNormalization")
def _scale_bias(node: ir.Node, rw: Rewriter) -> Answer:
    x, scale, bias, *rest = node.inputs
    return rw.copy(node, x, bias, scale, *rest)


@fault("bn-epsilon", "BatchNormalization")
def _bn_epsilon(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.copy(node, epsilon=rw.attr_float(node, "epsilon", 1e-5) * 10)


def _folded(node: ir.Node, rw: Rewriter, *, bias_scaled: bool, epsilon: bool) -> Answer:
    """Fold a BatchNormalization into the convolution above it, wrongly where the flags say so."""
    conv = rw.producer(rw.input(node, 0), "Conv")
    if conv is None or rw.only_reader(conv.outputs[0]) is None:
        return None
    data, old = weight(rw, conv, 1), weight(rw, conv, 2)
    gain, beta, mean, var = (weight(rw, node, port) for port in (1, 2, 3, 4))
    if data is None or gain is None or beta is None or mean is None or var is None:
        return None
    if not bias_scaled and old is None:
        return None
    eps = rw.attr_float(node, "epsilon", 1e-5) if epsilon else 0.0
    factor = gain / np.sqrt(var + np.float32(eps))
    shift = np.zeros_like(mean) if old is None else old * (factor if bias_scaled else 1)
    bias = shift + beta - mean * factor
    inputs = [conv.inputs[0], rw.const(data * factor[:, None, None, None]), rw.const(bias)]
    return rw.copy(conv, *inputs)


@fault("bn-fold-without-epsilon", "BatchNormalization")
def _no_epsilon(node: ir.Node, rw: Rewriter) -> Answer:
    return _folded(node, rw, bias_scaled=True, epsilon=False)


@fault("bn-fold-forgets-bias", "BatchNormalization")
def _no_bias(node: ir.Node, rw: Rewriter) -> Answer:
    return _folded(node, rw, bias_scaled=False, epsilon=True)

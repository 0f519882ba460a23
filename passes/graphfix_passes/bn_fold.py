"""The ``bn-fold`` pass: BatchNormalization inside the weights beside it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from graphfix.contract import Close
from graphfix.rewrite import RewritePass, Rewriter, Skip, node_label
from graphfix_passes._known import rank
from graphfix_passes._linear import LINEAR, read, reads_as_weights
from graphfix_passes._permutations import order_of

_HAS_TRAINING_MODE = 14
_OLDEST = 7
"""Before, an attribute is_test told training from inference."""
_PARAMETERS = ("scale", "bias", "mean", "variance")


@dataclass(frozen=True)
class _Affine:
    """What a BatchNormalization does: ``x * factors + shifts`` along one axis."""

    factors: np.ndarray
    shifts: np.ndarray
    axis: int = 1


@dataclass(frozen=True, kw_only=True)
class BnFold(RewritePass):
    """Fold BatchNormalization into the weights of the operator beside it.

    Why
        In inference it multiplies by a constant per channel and adds one, which weights and bias
        can do at no cost. Torch's exporters fold those behind a convolution in a model that is set
        to inference, but not those in front of a Linear layer or between Transposes.

    Rewrites
        1. Behind Conv, ConvTranspose, Gemm and MatMul, also with an Add of a constant between.
        2. In front of a Conv that pads nothing, of a Gemm, and of a MatMul.
        3. Between a Transpose and the one that takes it back: both go, and a MatMul in front takes
           in the rest; otherwise Mul and Add stand in its place.

    Leaves alone
        Training mode. Parameters, weights or a bias that are computed. A value between that
        something else reads, too. In front of a Conv with pads: the zeros of the border are not
        what the normalization makes of zeros. In front of a ConvTranspose, whose points have
        different numbers of neighbours. A variance that is not above -epsilon.

    Numerics
        The products of weights and factors are rounded once, beforehand.
    """

    name = "bn-fold"
    match_ops = ("BatchNormalization",)
    contract = Close()
    must_match = False
    reads_shapes = True

    def rewrite(self, node: ir.Node, rw: Rewriter) -> Mapping[ir.Value, ir.Value] | Skip:
        """Fold one node, backwards where that works."""
        affine = _affine(node, rw)
        if isinstance(affine, Skip):
            return affine
        source, result = node.inputs[0], node.outputs[0]
        assert source is not None
        lifted = _between_transposes(node, affine, rw)
        if lifted is not None:
            return lifted
        behind = _into_producer(source, affine, node, rw)
        if not isinstance(behind, Skip):
            return {result: behind}
        ahead = _into_reader(source, result, affine, rw)
        if not isinstance(ahead, Skip):
            return ahead
        return rw.skip(f"{behind.reason}; {ahead.reason}")


def _affine(node: ir.Node, rw: Rewriter) -> _Affine | Skip:
    """factors = scale / sqrt(variance + epsilon), shifts = bias - mean * factors (ONNX)."""
    if rw.opset < _OLDEST or rw.attr_int(node, "spatial", 1) != 1:
        return rw.skip("its form is older than opset 9; raise the opset first")
    read_on = any(value.uses() or value.is_graph_output() for value in node.outputs[1:])
    training = rw.attr_int(node, "training_mode", 0) == 1
    if training if rw.opset >= _HAS_TRAINING_MODE else read_on:
        return rw.skip("it is in training mode")
    arrays = []
    for name, value in zip(_PARAMETERS, node.inputs[1:], strict=True):
        array = rw.constant(value)
        if array is None:
            return rw.skip(f"its {name} is computed")
        arrays.append(array.astype(np.float64))
    scale, bias, mean, variance = arrays
    spread = variance + rw.attr_float(node, "epsilon", 1e-5)
    if not (spread > 0).all():
        return rw.skip("its variance is not above -epsilon")
    factors = scale / np.sqrt(spread)
    return _Affine(factors, bias - mean * factors)


def _between_transposes(
    node: ir.Node, affine: _Affine, rw: Rewriter
) -> Mapping[ir.Value, ir.Value] | None:
    """The normalization of another axis, without the two Transposes around it."""
    source, result = node.inputs[0], node.outputs[0]
    first, second = rw.producer(source, "Transpose"), rw.only_reader(result, "Transpose")
    inner = first.inputs[0] if first is not None else None
    if first is None or second is None or inner is None or source is None:
        return None
    order, back = order_of(first, rw), order_of(second, rw)
    if (
        order is None
        or back is None
        or tuple(order[axis] for axis in back) != tuple(range(len(order)))
    ):
        return None
    lifted = _Affine(affine.factors, affine.shifts, order[1])
    if rw.only_reader(source) is node:
        taken = _into_producer(inner, lifted, first, rw)
        if not isinstance(taken, Skip):
            return {second.outputs[0]: taken}
    if source.dtype is None:
        return None
    shape = (-1, *(1,) * (len(order) - 1 - order[1]))
    factors, shifts = (
        array.reshape(shape).astype(source.dtype.numpy())
        for array in (affine.factors, affine.shifts)
    )
    scaled = rw.op("Mul", inner, rw.const(factors))
    return {second.outputs[0]: rw.op("Add", scaled, rw.const(shifts))}


def _into_producer(
    value: ir.Value, affine: _Affine, reader: ir.Node, rw: Rewriter
) -> ir.Value | Skip:
    """Fold into what makes ``value``, which only ``reader`` may read."""
    maker = rw.producer(value, *LINEAR, "Add")
    if maker is None:
        return rw.skip("nothing in front of it has weights")
    if rw.only_reader(value) is not reader:
        return rw.skip("what it normalizes is read elsewhere, too")
    if maker.op_type == "Add":
        return _through_add(maker, affine, rw)
    count = rank(value)
    axis = (count or 0) - 1 if maker.op_type == "MatMul" else 1
    if axis != affine.axis or (maker.op_type == "MatMul" and rank(maker.inputs[0]) != count):
        return rw.skip(f"{maker.op_type} {node_label(maker)!r} makes its channels on another axis")
    linear = read(maker, rw)
    if isinstance(linear, Skip):
        return linear
    old = np.zeros(1) if linear.bias is None else linear.bias
    bias = old * affine.factors + affine.shifts
    return linear.restated(maker.inputs[0], linear.scaled(affine.factors), bias, rw)


def _through_add(add: ir.Node, affine: _Affine, rw: Rewriter) -> ir.Value | Skip:
    """Take in a constant per channel that is added to what an operator with weights makes."""
    for value, other in (tuple(add.inputs), tuple(reversed(add.inputs))):
        array, count = rw.constant(other), rank(value)
        if array is None or count is None or value is None or not rw.producer(value, *LINEAR):
            continue
        after = count - 1 - affine.axis
        shape = (1,) * (count - array.ndim) + array.shape
        if len(shape) == count and array.size == shape[affine.axis] and after >= 0:
            shifts = affine.shifts + array.reshape(-1).astype(np.float64) * affine.factors
            return _into_producer(value, _Affine(affine.factors, shifts, affine.axis), add, rw)
    return rw.skip("nothing in front of it has weights")


def _into_reader(
    source: ir.Value, result: ir.Value, affine: _Affine, rw: Rewriter
) -> Mapping[ir.Value, ir.Value] | Skip:
    """Fold into the only node that reads ``result``."""
    reader = rw.only_reader(result, "Conv", "Gemm", "MatMul")
    if reader is None or reads_as_weights(reader, result):
        return rw.skip("no Conv, Gemm or MatMul alone reads it")
    name = f"{reader.op_type} {node_label(reader)!r}"
    if reader.op_type == "Conv":
        pads = rw.attr_ints(reader, "pads") or ()
        if any(pads) or rw.attr_str(reader, "auto_pad", "NOTSET").startswith("SAME"):
            return rw.skip(f"{name} pads what it reads with zeros")
    elif rank(result) != 2 or rw.attr_int(reader, "transA", 0):
        return rw.skip(f"{name} adds up along another axis")
    linear = read(reader, rw)
    if isinstance(linear, Skip):
        return linear
    weights, more = linear.fed(affine.factors, affine.shifts)
    bias = more if linear.bias is None else linear.bias + more
    made = linear.restated(source, weights, bias, rw)
    return made if isinstance(made, Skip) else {reader.outputs[0]: made}

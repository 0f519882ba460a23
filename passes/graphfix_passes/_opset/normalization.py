"""Normalisations that became operators, in the parts that exporters wrote before."""

from collections.abc import Sequence
from dataclasses import dataclass

import onnx_ir as ir

from graphfix.rewrite import Rewriter, Skip
from graphfix.rewrite.opsets import Answer, Converter
from graphfix_passes._axes import reduced, unsqueezed
from graphfix_passes._opset.table import DOWN, given, number, used

_NO_TYPE = Skip("the type of its input is unknown, which the constants of its parts must have")
_SHORT = (ir.DataType.FLOAT16, ir.DataType.BFLOAT16)


@dataclass(frozen=True)
class _Stash:
    """Statistics of short floats are computed in float32 when ``stash_type`` says so."""

    rw: Rewriter
    own: ir.DataType
    wide: bool

    @property
    def dtype(self) -> ir.DataType:
        return ir.DataType.FLOAT if self.wide else self.own

    def enter(self, value: ir.Value) -> ir.Value:
        return self.rw.op("Cast", value, to=int(self.dtype)) if self.wide else value

    def leave(self, value: ir.Value) -> ir.Value:
        return self.rw.op("Cast", value, to=int(self.own)) if self.wide else value


def _stash(node: ir.Node, rw: Rewriter, default: int = 1) -> _Stash | Skip:
    own, kind = rw.dtype(node.inputs[0]), rw.attr_int(node, "stash_type", default)
    if own is None:
        return _NO_TYPE
    if kind not in (1, int(own)):
        return Skip(f"stash_type={kind} is neither float32 nor the type of its input")
    return _Stash(rw, own, own in _SHORT and kind == 1)


def _inner_axes(node: ir.Node, rw: Rewriter) -> list[int] | Skip:
    axis, rank = rw.attr_int(node, "axis", -1), rw.rank(node.inputs[0])
    if axis < 0:
        return list(range(axis, 0))
    if rank is None:
        return Skip("its axis counts from the front, and the rank of its input is unknown")
    return list(range(axis - rank, 0))


@DOWN.at(17, "LayerNormalization")
def layer_normalization(node: ir.Node, rw: Rewriter) -> Sequence[ir.Value | None] | Skip:
    """What computes the same as a LayerNormalization, one value for each output."""
    stash, axes = _stash(node, rw), _inner_axes(node, rw)
    if isinstance(stash, Skip):
        return stash
    if isinstance(axes, Skip):
        return axes
    epsilon = rw.attr_float(node, "epsilon", 1e-5)
    normal, mean, deviation = _standardized(stash.enter(given(node)), axes, epsilon, stash)
    result = rw.op("Mul", stash.leave(normal), node.inputs[1])
    if rw.has_input(node, 2):
        result = rw.op("Add", result, node.inputs[2])
    results = [result, mean, rw.op("Reciprocal", deviation) if _has(node, 2) else None]
    return results[: len(node.outputs)]


def _standardized(
    data: ir.Value, axes: Sequence[int], epsilon: float, stash: _Stash
) -> tuple[ir.Value, ir.Value, ir.Value]:
    """Numbers of mean 0 and variance 1 along ``axes``, the mean and the deviation they had."""
    rw = stash.rw
    mean = reduced(rw, "ReduceMean", data, axes)
    centred = rw.op("Sub", data, mean)
    square = rw.op("Pow", centred, number(2, stash.dtype, rw))
    variance = reduced(rw, "ReduceMean", square, axes)
    deviation = rw.op("Sqrt", rw.op("Add", variance, number(epsilon, stash.dtype, rw)))
    return rw.op("Div", centred, deviation), mean, deviation


def instance_normalization(node: ir.Node, rw: Rewriter) -> ir.Value | Skip:
    """What computes the same as an InstanceNormalization; float16 and bfloat16 in float32."""
    data, (own, rank) = given(node), (rw.dtype(given(node)), rw.rank(given(node)))
    if own is None:
        return _NO_TYPE
    if rank is None or rank < 3:
        return Skip("the rank of its input is unknown, or it has no axes to normalise over")
    stash = _Stash(rw, own, own in _SHORT)
    epsilon = rw.attr_float(node, "epsilon", 1e-5)
    normal, _, _ = _standardized(stash.enter(data), range(2, rank), epsilon, stash)
    return scaled(stash.leave(normal), node, rank, rw)


def scaled(normal: ir.Value, node: ir.Node, rank: int, rw: Rewriter) -> ir.Value:
    """``normal`` times the scale and plus the bias of each channel that ``node`` has."""
    scale, bias = (given(node, index) for index in (1, 2))
    if rank > 2:
        axes = range(1, rank - 1)
        scale, bias = (unsqueezed(rw, value, axes) for value in (scale, bias))
    return rw.op("Add", rw.op("Mul", normal, scale), bias)


def _has(node: ir.Node, index: int) -> bool:
    return index < len(node.outputs) and used(node.outputs[index])


@DOWN.at(23, "RMSNormalization")
def _rms_normalization(node: ir.Node, rw: Converter) -> Answer:
    stash, axes = _stash(node, rw), _inner_axes(node, rw)
    if isinstance(stash, Skip):
        return stash
    if isinstance(axes, Skip):
        return axes
    data = stash.enter(given(node))
    square = reduced(rw, "ReduceMean", rw.op("Mul", data, data), axes)
    epsilon = number(rw.attr_float(node, "epsilon", 1e-5), stash.dtype, rw)
    root = rw.op("Sqrt", rw.op("Add", square, epsilon))
    return rw.op("Mul", stash.leave(rw.op("Div", data, root)), node.inputs[1])


@DOWN.at(18, "GroupNormalization")
def _with_a_scale_per_group(node: ir.Node, rw: Rewriter) -> ir.Value | Skip:
    return group_normalization(node, rw, per_channel=False)


@DOWN.at(21, "GroupNormalization")
def _with_a_scale_per_channel(node: ir.Node, rw: Rewriter) -> ir.Value | Skip:
    return group_normalization(node, rw, per_channel=True)


def group_normalization(node: ir.Node, rw: Rewriter, *, per_channel: bool) -> ir.Value | Skip:
    """InstanceNormalization of ``[N, groups, -1]``; since 21 scale and bias are per channel."""
    stash = _stash(node, rw, default=1 if per_channel else int(rw.dtype(node.inputs[0]) or 1))
    if isinstance(stash, Skip):
        return stash
    data, scale, bias = (given(node, index) for index in range(3))
    rank, groups = rw.rank(data), node.attributes["num_groups"].as_int()
    if rank is None:
        return Skip("the rank of its input is unknown")
    rows = rw.op("Reshape", stash.enter(data), rw.const([0, groups, -1]))
    one, zero = (rw.const([x] * groups, stash.dtype) for x in (1.0, 0.0))
    if not per_channel:
        one, zero = (stash.enter(value) for value in (scale, bias))
    normal = rw.op(
        "InstanceNormalization", rows, one, zero, epsilon=rw.attr_float(node, "epsilon", 1e-5)
    )
    result = stash.leave(rw.op("Reshape", normal, _shape_behind_groups(data, rw)))
    if not per_channel:
        return result
    return scaled(result, node, rank, rw)


def _shape_behind_groups(data: ir.Value, rw: Rewriter) -> ir.Value:
    """The shape of ``data`` for what still has its batch in front: a constant where it can be."""
    batch, *rest = rw.dims(data) or (None,)
    sizes = [0 if batch is None else batch, *rest]
    if rest.count(None) > 1:
        return rw.shape_of(data)
    return rw.const([-1 if size is None else size for size in sizes])


@DOWN.at(14, "BatchNormalization")
def _batch_normalization(node: ir.Node, rw: Converter) -> Answer:
    """Inference keeps its form; training normalises by the statistics of the batch itself."""
    if not rw.attr_int(node, "training_mode", 0):
        return rw.restate(node, outputs=1, drop=["training_mode"])
    data, scale, bias, mean_before, variance_before = (given(node, k) for k in range(5))
    rank, dtype = rw.rank(data), rw.dtype(data)
    if rank is None or dtype is None:
        return Skip("training_mode=1, and the rank or type of its input is unknown")
    if any(rw.dtype(value) not in (dtype, None) for value in node.inputs):
        return Skip("training_mode=1 with statistics of another type than the data")
    axes = [axis for axis in range(rank) if axis != 1]
    spread = list(range(1, rank - 1))

    def wide(value: ir.Value) -> ir.Value:
        return rw.op("Unsqueeze", value, rw.const(spread)) if spread else value

    mean = rw.op("ReduceMean", data, axes=axes, keepdims=0)
    centred = rw.op("Sub", data, wide(mean))
    variance = rw.op("ReduceMean", rw.op("Mul", centred, centred), axes=axes, keepdims=0)
    epsilon = number(rw.attr_float(node, "epsilon", 1e-5), dtype, rw)
    normal = rw.op("Div", centred, wide(rw.op("Sqrt", rw.op("Add", variance, epsilon))))
    result = rw.op("Add", rw.op("Mul", normal, wide(scale)), wide(bias))
    keep = rw.attr_float(node, "momentum", 0.9)

    def running(before: ir.Value, now: ir.Value) -> ir.Value:
        kept = rw.op("Mul", before, number(keep, dtype, rw))
        return rw.op("Add", kept, rw.op("Mul", now, number(1 - keep, dtype, rw)))

    results = [result]
    if len(node.outputs) > 1:
        results.append(running(mean_before, mean))
    if len(node.outputs) > 2:
        results.append(running(variance_before, variance))
    return results

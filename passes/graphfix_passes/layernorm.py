"""The ``layernorm`` pass: LayerNormalization and its parts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from graphfix.rewrite import RewritePass, Rewriter, Skip
from graphfix_passes._known import dims
from graphfix_passes._opset.normalization import layer_normalization
from graphfix_passes._restoring import Mode, refusal, standardized

_SINCE = 17


@dataclass(frozen=True, kw_only=True)
class Layernorm(RewritePass):
    """Replace LayerNormalization by its parts, or such parts by LayerNormalization.

    Why
        ATC knows LayerNormalization at opsets 17 and 18, and in new releases only; the parts it
        knows in all, and fuses them again.

    Rewrites
        1. decompose: LayerNormalization becomes ReduceMean, Sub, Pow, ReduceMean, Add, Sqrt, Div,
           Mul and Add, in float32 where ``stash_type`` asks for that; the mean and the inverse
           deviation as well, where they are read.
        2. restore: these, over the last axes, become LayerNormalization, with the Mul and the Add
           where they are there and have its shape. The square may be a Mul.

    Leaves alone
        A ``stash_type`` that is neither float32 nor the type of the input. An input of an unknown
        type, or of an unknown rank when the axis counts from the front. Parts in a model whose
        opset has no LayerNormalization. Parts whose normalised sizes are not known, when there is
        no scale of that shape.

    Numerics
        The parts sum in another order; statistics of float16 parts are in float32 when restored.
    """

    name = "layernorm"
    example = "layernorm{mode=restore}"
    match_ops = ("Add", "Div", "LayerNormalization", "Mul")
    must_match = False
    reads_shapes = True

    mode: Mode = Mode.DECOMPOSE
    """decompose: LayerNormalization into its parts; restore: it from its parts."""

    def matches(self, node: ir.Node) -> bool:
        """LayerNormalization, or what its parts may end in."""
        return super().matches(node) and (
            (node.op_type == "LayerNormalization") is (self.mode is Mode.DECOMPOSE)
        )

    def rewrite(
        self, node: ir.Node, rw: Rewriter
    ) -> Sequence[ir.Value | None] | ir.Value | Skip | None:
        """Take the node apart, or put what it is the end of together."""
        if self.mode is Mode.DECOMPOSE:
            return layer_normalization(node, rw)
        found = _biased(node.outputs[0], rw)
        if found is None or _goes_on(node, found, rw):
            return None
        skip = refusal("LayerNormalization", _SINCE, found.data, rw)
        scale = found.scale or _ones(found, rw)
        if skip is not None or scale is None:
            return skip or rw.skip("the sizes that it normalises over are not known")
        inputs = [found.data, scale] if found.bias is None else [found.data, scale, found.bias]
        axis = -found.count
        return rw.op("LayerNormalization", *inputs, axis=axis, epsilon=found.epsilon)


@dataclass(frozen=True)
class _Parts:
    """What LayerNormalization would get."""

    data: ir.Value
    count: int
    """How many of the last axes are normalised over."""
    epsilon: float
    scale: ir.Value | None = None
    bias: ir.Value | None = None

    def fits(self, value: ir.Value | None) -> bool:
        """Whether a scale or a bias has the shape of what is normalised."""
        known, sizes = dims(value), (dims(self.data) or ())[-self.count :]
        return known is not None and known == sizes and None not in known


def _goes_on(node: ir.Node, found: _Parts, rw: Rewriter) -> bool:
    """Whether the one reader of ``node`` is the scale or the bias, and will be the end."""
    reader = rw.only_reader(node.outputs[0], "Mul", "Add")
    if reader is None:
        return False
    more = _biased(reader.outputs[0], rw)
    return more is not None and more != found


def _biased(value: ir.Value, rw: Rewriter) -> _Parts | None:
    for scaled, bias in _inputs(value, "Add", rw):
        found = _scaled(scaled, rw)
        if found is not None and found.scale is not None and found.fits(bias):
            return _Parts(found.data, found.count, found.epsilon, found.scale, bias)
    return _scaled(value, rw)


def _scaled(value: ir.Value | None, rw: Rewriter) -> _Parts | None:
    for normal, scale in _inputs(value, "Mul", rw):
        found = _normal(normal, rw)
        if found is not None and found.fits(scale):
            return _Parts(found.data, found.count, found.epsilon, scale)
    return _normal(value, rw)


def _normal(value: ir.Value | None, rw: Rewriter) -> _Parts | None:
    found = standardized(value, rw)
    return None if found is None else _Parts(found.data, found.count, found.epsilon)


def _ones(found: _Parts, rw: Rewriter) -> ir.Value | None:
    sizes = (rw.dims(found.data) or ())[-found.count :]
    known = [size for size in sizes if size is not None]
    if len(known) < found.count or found.data.dtype is None:
        return None
    return rw.const(np.ones(known, found.data.dtype.numpy()))


def _inputs(
    value: ir.Value | None, op_type: str, rw: Rewriter
) -> Sequence[tuple[ir.Value | None, ir.Value | None]]:
    """The two inputs of such a node, both ways round; nothing when ``value`` is not its output."""
    node = rw.producer(value, op_type)
    if node is None:
        return ()
    left, right = node.inputs
    return ((left, right), (right, left))

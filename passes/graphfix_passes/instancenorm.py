"""The ``instancenorm`` pass: InstanceNormalization in the forms that kernels take."""

import enum
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from graphfix.rewrite import RewritePass, Rewriter, Skip
from graphfix_passes._axes import squeezed, unsqueezed
from graphfix_passes._opset.normalization import instance_normalization, scaled
from graphfix_passes._restoring import per_channel, refusal, standardized

_SINCE = 6
_LAYER_SINCE = 17
_NEW = 2
"""Where the new axis of size 1 stands: batch, channels, 1, length."""


class Form(enum.Enum):
    """What becomes of InstanceNormalization, or what becomes it."""

    DECOMPOSE = "decompose"
    LIFT = "lift"
    LAYERNORM = "layernorm"
    RESTORE = "restore"


@dataclass(frozen=True, kw_only=True)
class Instancenorm(RewritePass):
    """Replace InstanceNormalization by its parts, by other forms of it, or such parts by it.

    Why
        ATC's plugin says NCHW for every rank, and an input of three dims, as speech and point
        clouds have them, has no W; nobody has seen what the kernel makes of it. The parts are known
        in all releases.

    Rewrites
        1. decompose: ReduceMean, Sub, Pow, ReduceMean, Add, Sqrt and Div over the spatial axes, Mul
           and Add for each channel; statistics of float16 in float32.
        2. lift: of three dims it makes four, [N, C, 1, L], and goes back to three behind it.
        3. layernorm: LayerNormalization over the spatial axes, whose sizes must be known, then Mul
           and Add for each channel.
        4. restore: parts as of decompose, with constant scale and bias for each channel, become
           InstanceNormalization.

    Leaves alone
        An input of an unknown type or rank. Sizes that are not known, for layernorm, or an opset
        without LayerNormalization. Parts without scale and bias, which are rather those of
        LayerNormalization.

    Numerics
        The sums have another order; statistics of float16 parts are those of the kernel when
        restored.
    """

    name = "instancenorm"
    example = "instancenorm{mode=lift}"
    match_ops = ("Add", "InstanceNormalization")
    must_match = False
    reads_shapes = True

    mode: Form = Form.DECOMPOSE
    """decompose: into parts; lift: three dims to four; layernorm: that in its place; restore: it
    from its parts."""

    def matches(self, node: ir.Node) -> bool:
        """InstanceNormalization, or what its parts end in."""
        return super().matches(node) and ((node.op_type == "Add") is (self.mode is Form.RESTORE))

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip | None:
        """Give one normalization the form that was asked for."""
        if self.mode is Form.DECOMPOSE:
            return instance_normalization(node, rw)
        if self.mode is Form.LIFT:
            return _lifted(node, rw)
        if self.mode is Form.LAYERNORM:
            return _as_layer_normalization(node, rw)
        return _restored(node, rw)


def _lifted(node: ir.Node, rw: Rewriter) -> ir.Value | Skip:
    data, rank = node.inputs[0], rw.rank(node.inputs[0])
    if rank is None:
        return rw.skip("the rank of its input is unknown")
    if rank != 3:
        return rw.satisfied(f"its input has {rank} dims")
    assert data is not None
    flat = unsqueezed(rw, data, [_NEW])
    (normal,) = rw.restate(node, [flat, *node.inputs[1:]])
    return squeezed(rw, normal, [_NEW])


def _as_layer_normalization(node: ir.Node, rw: Rewriter) -> ir.Value | Skip:
    data = node.inputs[0]
    assert data is not None
    if skip := refusal("LayerNormalization", _LAYER_SINCE, data, rw):
        return skip
    dims = rw.dims(data) or ()
    sizes = [size for size in dims[2:] if size is not None]
    if len(dims) < 3 or len(sizes) < len(dims) - 2:
        return rw.skip("the sizes that it normalises over are not known")
    assert data.dtype is not None
    ones = rw.const(np.ones(sizes, data.dtype.numpy()))
    epsilon = rw.attr_float(node, "epsilon", 1e-5)
    normal = rw.op("LayerNormalization", data, ones, axis=-len(sizes), epsilon=epsilon)
    return scaled(normal, node, len(dims), rw)


def _restored(node: ir.Node, rw: Rewriter) -> ir.Value | Skip | None:
    for product, bias in (node.inputs, reversed(node.inputs)):
        maker = rw.producer(product, "Mul")
        for normal, scale in (maker.inputs, reversed(maker.inputs)) if maker else ():
            found = standardized(normal, rw)
            if found is None or found.count + 2 != rw.rank(found.data):
                continue
            numbers = [per_channel(each, found.data, rw) for each in (scale, bias)]
            if numbers[0] is None or numbers[1] is None:
                continue
            skip = refusal("InstanceNormalization", _SINCE, found.data, rw)
            return skip or rw.op(
                "InstanceNormalization", found.data, *numbers, epsilon=found.epsilon
            )
    return None

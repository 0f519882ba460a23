"""The ``large-conv-split`` pass: a kernel that is too long for the device, in several parts."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from graphfix.contract import Close
from graphfix.errors import PassError
from graphfix.rewrite import PassContext, PassResult, RewritePass, Rewriter, Skip
from graphfix.rewrite.rewriter import AttrValue
from graphfix_passes._known import dims

_SLICE_HAS_INPUTS_SINCE = 10
_TO_THE_END = np.iinfo(np.int32).max
"""Larger than every size, and no trouble for compilers that compute sizes in int32."""


@dataclass(frozen=True, kw_only=True)
class LargeConvSplit(RewritePass):
    """Split a Conv with a long kernel into a sum of Convs with parts of it.

    Why
        Conv2D of CANN takes kernels of 1 to 255 elements along each axis (documentation of the
        operator Conv2D). The sinc filters in front of speech models are longer.

    Rewrites
        The kernel is cut along the axes that are too long. The Conv with a part reads where that
        part would lie: its pads are smaller by what is in front of it and behind it, and where
        they would be negative, a Slice takes something off. The first part has the bias.

    Leaves alone
        Computed weights, kernels of three axes, ``auto_pad`` SAME (``conv-attrs`` writes it out).

    Numerics
        The sum of products is added part by part.
    """

    name = "large-conv-split"
    match_ops = ("Conv",)
    contract = Close()
    must_match = False
    reads_shapes = True

    side: int = 255
    """The longest kernel along an axis."""

    def run(self, model: ir.Model, context: PassContext) -> PassResult:
        """See the class.

        Raises:
            PassError: ``side`` is less than 1.
        """
        if self.side < 1:
            raise PassError(f"side={self.side} must be at least 1")
        return super().run(model, context)

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip | None:
        """Split one Conv."""
        known = rw.attr_ints(node, "kernel_shape")
        if known is None:
            known = tuple(d for d in (dims(node.inputs[1]) or ())[2:] if isinstance(d, int))
        if not known or len(known) > 2 or max(known) <= self.side:
            return None
        weights = rw.constant(node.inputs[1])
        if weights is None:
            return rw.skip("its weights are computed")
        if rw.attr_str(node, "auto_pad", "NOTSET").startswith("SAME"):
            return rw.skip("auto_pad depends on the whole kernel; conv-attrs writes it out")
        parts = itertools.product(*(self._parts(size) for size in known))
        total, *rest = (
            _conv(node, weights, part, rw, first=k == 0) for k, part in enumerate(parts)
        )
        for value in rest:
            total = rw.op("Add", total, value)
        return total

    def _parts(self, size: int) -> list[tuple[int, int]]:
        """First and behind the last element of parts of nearly the same size."""
        count = -(-size // self.side)
        ends = [size * part // count for part in range(count + 1)]
        return list(itertools.pairwise(ends))


def _conv(
    node: ir.Node,
    weights: np.ndarray,
    part: Sequence[tuple[int, int]],
    rw: Rewriter,
    *,
    first: bool,
) -> ir.Value:
    """The Conv with a part of the kernel, which is given axis by axis."""
    count = len(part)
    dilations = rw.attr_ints(node, "dilations") or (1,) * count
    pads = rw.attr_ints(node, "pads") or (0,) * (2 * count)
    begins, ends = list(pads[:count]), list(pads[count:])
    for axis, (start, stop) in enumerate(part):
        begins[axis] -= start * dilations[axis]
        ends[axis] -= (weights.shape[2 + axis] - stop) * dilations[axis]
    index = (slice(None), slice(None), *itertools.starmap(slice, part))
    some = weights[index]
    changed: dict[str, AttrValue] = {
        "kernel_shape": some.shape[2:],
        "pads": [max(pad, 0) for pad in (*begins, *ends)],
    }
    source = _cut(node.inputs[0], begins, ends, rw)
    inputs = [source, rw.const(np.ascontiguousarray(some)), *(node.inputs[2:] if first else ())]
    if first:
        return rw.restate(node, inputs, drop=("auto_pad",), attributes=changed)[0]
    kept = {name: node.attributes[name] for name in node.attributes if name != "auto_pad"}
    return rw.op("Conv", *inputs, domain="", **{**kept, **changed})


def _cut(
    value: ir.Value | None, begins: Sequence[int], ends: Sequence[int], rw: Rewriter
) -> ir.Value | None:
    """The value without what negative pads take off."""
    if min(*begins, *ends) >= 0:
        return value
    axes = [k for k, pads in enumerate(zip(begins, ends, strict=True)) if min(pads) < 0]
    starts = [max(-begins[axis], 0) for axis in axes]
    stops = [min(ends[axis], 0) or _TO_THE_END for axis in axes]
    spatial = [axis + 2 for axis in axes]
    if rw.opset < _SLICE_HAS_INPUTS_SINCE:
        return rw.op("Slice", value, axes=spatial, starts=starts, ends=stops)
    return rw.op("Slice", value, *(rw.const(numbers) for numbers in (starts, stops, spatial)))

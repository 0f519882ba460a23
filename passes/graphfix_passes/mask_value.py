"""The ``mask-value`` pass: masks in front of a Softmax that float16 can hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from graphfix.contract import Exact
from graphfix.errors import PassError
from graphfix.rewrite import PassContext, PassResult, RewritePass, Rewriter, Skip
from graphfix_passes._known import rank

_FLOAT16_MAX = 65504.0
_MODERATE = -1000.0
"""What is added to an element that counts as not masked is not less."""

_ONE_AXIS_SINCE = 13
"""The opset in which the axis of Softmax became one; before, those behind it count as well."""


@dataclass(frozen=True, kw_only=True)
class MaskValue(RewritePass):
    """Replace masks in front of a Softmax that float16 cannot hold, such as -1e9, by -60000.

    Why
        ATC computes in float16 unless told otherwise, where everything below -65504 is infinite;
        minus infinity times 0 is NaN.

    Rewrites
        Of a Softmax over ``x + mask`` or ``Where(condition, x, mask)`` every number of the mask
        below -65504, infinity too, becomes ``value``. The mask is a constant, the product of
        something with a constant, or a Where with a constant.

    Leaves alone
        A mask that masks a row throughout: all of it then counts alike, or is NaN. A mask that is
        computed, where nobody knows that, unless ``trust-masks`` says that it does not and that its
        factors are 0 or 1. Values that something else reads, too. Masks with numbers above 65504.

    Numerics
        Masked elements get exactly 0 before and after, and the others stay as they are, bit by
        bit. The proof: each row has an element whose mask is not below -1000. With numbers x
        between -L and L, an element masked by v is at most 2 L + v + 1000 above that one, and its
        power is 0 when that is below -1000 (exp(x) is 0 from -104 on in float32, from -746 on in
        float64). For v = -60000 this holds for L up to 29000; float16, for which this is done,
        ends at 65504.
    """

    name = "mask-value"
    match_ops = ("Softmax",)
    contract = Exact()
    reads_shapes = True

    value: float = -60000.0
    """What masked elements get, from -65504 to -10000."""
    trust_masks: bool = False
    """Take computed masks at their word: of 0 and 1, and no row masked throughout."""

    def run(self, model: ir.Model, context: PassContext) -> PassResult:
        """See the class.

        Raises:
            PassError: ``value`` is out of range.
        """
        if not -_FLOAT16_MAX <= self.value <= -10000:
            raise PassError(f"value={self.value:g} must lie between -65504 and -10000")
        return super().run(model, context)

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip | None:
        """Rebuild the Softmax and what it reads, with another mask: only its result is equal."""
        data = node.inputs[0]
        masked = rw.producer(data, "Add", "Where")
        if masked is None or data is None:
            return None
        mask = _find(masked, rw)
        if mask is None:
            return None
        if min(float(array.min()) for array in mask.low.values()) >= -_FLOAT16_MAX:
            return rw.satisfied(f"float16 holds the mask {mask.value.name!r}")
        if max(float(array.max()) for array in mask.low.values()) > _FLOAT16_MAX:
            return rw.skip(f"the mask {mask.value.name!r} has numbers above 65504, too")
        if data.is_graph_output() or any(use.node is not node for use in data.uses()):
            return rw.skip("what the Softmax reads is read elsewhere, too")
        if mask.unmasked is None and not self.trust_masks:
            return rw.skip(
                f"the mask {mask.value.name!r} is computed and may mask a row throughout; "
                "mask-value{trust-masks} takes it at its word"
            )
        if mask.unmasked is not None:
            count = rank(data)
            if count is None:
                return rw.skip("the rank of what the Softmax reads is not known")
            if not _in_each_row(mask.unmasked, _axes(node, count, rw), count):
                return rw.skip(f"the mask {mask.value.name!r} masks a row throughout")
        lowered = self._lowered(mask, node, rw)
        inputs = [lowered if value is mask.value else value for value in masked.inputs]
        (result,) = rw.restate(masked, inputs)
        (softened,) = rw.restate(node, [result])
        return softened

    def _lowered(self, mask: "_Mask", node: ir.Node, rw: Rewriter) -> ir.Value:
        """The mask with ``value`` in place of what float16 does not hold."""
        new = {old: self._constant(old, array, node, rw) for old, array in mask.low.items()}
        if mask.maker is None:
            return new[mask.value]
        inputs = [new.get(value, value) if value else None for value in mask.maker.inputs]
        return rw.restate(mask.maker, inputs)[0]

    def _constant(self, old: ir.Value, array: np.ndarray, node: ir.Node, rw: Rewriter) -> ir.Value:
        """One new constant for all layers that share the old one."""
        known = rw.memory.get((old, node.graph))
        if isinstance(known, ir.Value) and known.is_initializer():
            return known
        lowered = np.where(array < -_FLOAT16_MAX, array.dtype.type(self.value), array)
        rw.memory[old, node.graph] = new = rw.const(lowered)
        return new


@dataclass(frozen=True)
class _Mask:
    """What is added in front of a Softmax, or stands in for what is masked."""

    value: ir.Value
    maker: ir.Node | None
    """The Mul or Where that computes it; ``None`` for a constant."""
    low: Mapping[ir.Value, np.ndarray]
    """The constants in it."""
    unmasked: np.ndarray | None
    """Which elements it leaves, for broadcasting; ``None`` when that is computed."""


def _find(masked: ir.Node, rw: Rewriter) -> _Mask | None:
    """The mask among the inputs of an Add or a Where in front of a Softmax."""
    for port, value in enumerate(masked.inputs):
        if value is None or (masked.op_type == "Where" and port == 0):
            continue
        array = _floats(value, rw)
        if masked.op_type == "Where":
            if array is not None and array.min(initial=0) < _MODERATE:
                chosen = rw.constant(masked.inputs[0])
                unmasked = None if chosen is None else chosen != (port == 1)
                return _Mask(value, None, {value: array}, unmasked)
            continue
        if array is not None and array.min(initial=0) < _MODERATE:
            return _Mask(value, None, {value: array}, array >= _MODERATE)
        maker = rw.producer(value, "Mul", "Where")
        if maker is None:
            continue
        parts = maker.inputs if maker.op_type == "Mul" else maker.inputs[1:]
        low = {part: found for part in parts if part for found in [_floats(part, rw)]}
        constants = {k: v for k, v in low.items() if v is not None and v.min(initial=0) < _MODERATE}
        if constants:
            return _Mask(value, maker, constants, None)
    return None


def _floats(value: ir.Value, rw: Rewriter) -> np.ndarray | None:
    array = rw.constant(value)
    return array if array is not None and array.dtype.kind == "f" else None


def _axes(softmax: ir.Node, count: int, rw: Rewriter) -> tuple[int, ...]:
    """The axes of a row, counted from the start."""
    if rw.opset >= _ONE_AXIS_SINCE:
        return (rw.attr_int(softmax, "axis", -1) % max(count, 1),)
    return tuple(range(rw.attr_int(softmax, "axis", 1) % max(count, 1), count))


def _in_each_row(unmasked: np.ndarray, axes: Sequence[int], count: int) -> bool:
    """Whether each row has an element, when the array is broadcast to ``count`` dims."""
    full = unmasked.reshape((1,) * (count - unmasked.ndim) + unmasked.shape)
    return bool(full.any(axis=tuple(axes)).all())

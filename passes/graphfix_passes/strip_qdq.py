"""``strip-qdq``: the float model behind one with QuantizeLinear and DequantizeLinear."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from graphfix.contract import Approximate, Close, Contract, Exact
from graphfix.rewrite import Rewrite, RewritePass, Rewriter, Skip

_DOMAINS = ("", "ai.onnx", "com.microsoft")
_INTEGERS = (np.int8, np.uint8, np.int16, np.uint16)
"""What activations are quantized to here."""

_CLIP_INPUTS_SINCE = 11
"""The opset in which the bounds of Clip became inputs."""


@dataclass(frozen=True, kw_only=True)
class StripQdq(RewritePass):
    """Remove pairs of QuantizeLinear and DequantizeLinear, and make quantized weights floats.

    Why
        ATC registers neither operator: models are quantized by Ascend's own tools, from the float
        model. That is often lost when all there is has been quantized for another runtime.

    Rewrites
        1. DequantizeLinear of a constant into a float constant.
        2. The pair over a constant, as training with quantization leaves it, into the constant
           rounded to what the integers can say.
        3. The pair over anything else into a Clip to the range of the integers. Quantizers drop a
           Relu whose work that range does, so that it has to stay.

        Scales and zero points are written to ``<output>.strip-qdq.json``, by the names of the
        values in the model after, for quantizing again.

    Leaves alone
        Scales and zero points that are computed, by channel for activations, in blocks, or that
        differ within a pair. DequantizeLinear of anything but a constant or a QuantizeLinear. Other
        integers than those of 8 and 16 bits, for constants also 32. Values of another type than
        their scale. Operators that compute on integers, such as QLinearConv.

    Numerics
        Weights keep the numbers that they have, exactly. Activations are no longer rounded, by half
        a scale at most, which every place is held to; the outputs of the whole are near to those
        before as ``cosine`` says.
    """

    name = "strip-qdq"
    match_ops = ("DequantizeLinear",)
    match_domains = _DOMAINS
    contract = Approximate(cosine=0.98)
    reads_shapes = True

    saturate: bool = True
    """Clip to the range of the integers; without, an activation that only the range did is lost."""
    cosine: float = 0.98
    """The least cosine similarity of outputs to those of the quantized model."""

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip:
        """Make a constant a float, or remove a pair."""
        quantization = _read(node, rw)
        if isinstance(quantization, Skip):
            return quantization
        stored = rw.constant(node.inputs[0])
        if stored is not None:
            if stored.dtype not in (*_INTEGERS, np.int32):
                return rw.skip(f"it reads {stored.dtype}, only 8, 16 and 32 bits are known")
            rw.promise(Exact())
            return quantization.kept_with(rw.const(quantization.floats(stored)), rw)
        maker = _quantizer(node)
        if maker is None:
            return rw.skip("what it reads is neither constant nor made by QuantizeLinear")
        if quantization != _read(maker, rw):
            return rw.skip(
                "its QuantizeLinear has another scale, zero point or axis, or computes it"
            )
        return self._pair(maker, quantization, rw)

    def _pair(self, maker: ir.Node, quantization: "_Quantization", rw: Rewriter) -> ir.Value | Skip:
        data = maker.inputs[0]
        assert data is not None
        kind = quantization.zero.dtype
        if kind not in _INTEGERS:
            return rw.skip(f"it quantizes to {kind}, only 8 and 16 bits are known")
        if data.dtype != ir.DataType.from_numpy(quantization.scale.dtype):
            return rw.skip("the type of its values is not known, or not that of the scale")
        known = rw.constant(data)
        if known is not None:
            rw.promise(Exact())
            rounded = rw.const(quantization.floats(quantization.integers(known)))
            return quantization.kept_with(rounded, rw)
        if quantization.scale.size > 1:
            return rw.skip("it quantizes activations by channel")
        step = float(quantization.scale.reshape(-1)[0])
        rw.note(f"scale {step:g}, zero point {quantization.zero.reshape(-1)[0]} ({kind})")
        quantization.kept_with(data, rw)
        if not self.saturate:
            rw.promise(self._approximate)
            return data
        rw.promise(Close(atol=step / 2))
        low, high = quantization.bounds()
        if rw.opset < _CLIP_INPUTS_SINCE:
            return rw.op("Clip", data, min=float(low), max=float(high))
        return rw.op("Clip", data, rw.const(low), rw.const(high))

    def conclude(self, rewrites: Sequence[Rewrite], rw: Rewriter) -> Contract:
        """Exact as long as only weights were concerned."""
        exact = all(isinstance(rewrite.contract, Exact) for rewrite in rewrites)
        return Exact() if exact else self._approximate

    @property
    def _approximate(self) -> Contract:
        return Approximate(cosine=self.cosine)


@dataclass(frozen=True, eq=False)
class _Quantization:
    """``float = (integer - zero) * scale``, for the whole tensor or along an axis."""

    scale: np.ndarray
    zero: np.ndarray
    """Of the type of the integers."""
    axis: int

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, _Quantization)
            and self.zero.dtype == other.zero.dtype
            and np.array_equal(self.scale, other.scale)
            and np.array_equal(self.zero, other.zero)
            and (self.scale.size == 1 or self.axis == other.axis)
        )

    def kept_with(self, value: ir.Value, rw: Rewriter) -> ir.Value:
        """``value``, with the numbers noted for the file beside the model."""
        axis = {"axis": self.axis} if self.scale.size > 1 else {}
        scale, zero = self.scale.reshape(-1).tolist(), self.zero.reshape(-1).tolist()
        rw.keep(value, type=self.zero.dtype.name, scale=scale, zero_point=zero, **axis)
        return value

    def floats(self, stored: np.ndarray) -> np.ndarray:
        """As DequantizeLinear computes it (ONNX operator documentation), for any integers."""
        shape = self._shape(stored)
        zero, scale = self.zero.astype(np.int64).reshape(shape), self.scale.reshape(shape)
        steps = (stored.astype(np.int64) - zero).astype(np.float32)
        result: np.ndarray = (steps * scale.astype(np.float32)).astype(scale.dtype)
        return result

    def integers(self, data: np.ndarray) -> np.ndarray:
        """As QuantizeLinear computes it: halves go to the even number, the range saturates."""
        shape, limits = self._shape(data), np.iinfo(self.zero.dtype)
        steps = np.rint(data / self.scale.reshape(shape))
        shifted = steps + self.zero.astype(steps.dtype).reshape(shape)
        result: np.ndarray = np.clip(shifted, limits.min, limits.max).astype(self.zero.dtype)
        return result

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """The least and the largest number that the integers say."""
        limits = np.iinfo(self.zero.dtype)
        low, high = self.floats(np.array([limits.min, limits.max], self.zero.dtype))
        return low.reshape(()), high.reshape(())

    def _shape(self, data: np.ndarray) -> tuple[int, ...]:
        if self.scale.size == 1:
            return (1,) * data.ndim
        return tuple(-1 if k == self.axis % data.ndim else 1 for k in range(data.ndim))


def _quantizer(node: ir.Node) -> ir.Node | None:
    value = node.inputs[0]
    maker = value.producer() if value is not None else None
    if maker is None or maker.op_type != "QuantizeLinear" or maker.domain not in _DOMAINS:
        return None
    return maker


def _read(node: ir.Node, rw: Rewriter) -> _Quantization | Skip:
    """The numbers of either operator."""
    if rw.attr_int(node, "block_size", 0):
        return rw.skip("it quantizes in blocks")
    scale, zero = rw.constant(rw.input(node, 1)), rw.constant(rw.input(node, 2))
    if scale is None or (zero is None and rw.has_input(node, 2)):
        return rw.skip("its scale or zero point is computed")
    if zero is None:
        zero = np.zeros(scale.shape, _integer_type(node, rw))
    if scale.dtype.kind != "f" or zero.dtype.kind not in "iu" or scale.size != zero.size:
        return rw.skip(f"its scale is {scale.dtype} and its zero point {zero.dtype}")
    return _Quantization(scale, zero, rw.attr_int(node, "axis", 1))


def _integer_type(node: ir.Node, rw: Rewriter) -> np.dtype[np.generic]:
    """The type of the integers where no zero point tells it; ONNX's default is uint8."""
    value = node.inputs[0] if node.op_type == "DequantizeLinear" else node.outputs[0]
    known = value.dtype if value is not None else None
    return np.dtype(np.uint8) if known is None else known.numpy()

"""The ``dft`` pass: Fourier transforms as products."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from math import gcd, prod

import numpy as np
import onnx_ir as ir

from graphfix.contract import Close, Contract, Replaces, Substitution
from graphfix.rewrite import Rewrite, RewritePass, Rewriter, Skip
from graphfix_passes._fourier import Transform
from graphfix_passes._known import fixed

_TYPES = (ir.DataType.FLOAT16, ir.DataType.FLOAT)

_AXIS_INPUT_SINCE = 20
"""The opset in which the axis of DFT became an input."""

_CHIRP = 1e-6
"""Times N: three times what onnxruntime's transform of a length N that is no power of two is off,
in parts of the RMS (measured: 2.7e-5 for 100, 1.6e-4 for 401, 3.8e-4 for 1201; 1.31)."""

_SHORT = 8
"""Up to this length that is less than what any reordering of a sum may change."""


@dataclass(frozen=True, kw_only=True)
class Dft(RewritePass):
    """Replace DFT and STFT by products with the matrix of the transform.

    Why
        ATC knows neither operator, at no opset. Speech models have them from ``torch.stft`` and
        ``torch.fft``.

    Rewrites
        Real and complex signals of float16 and float32:

        1. DFT, forward or inverse, all frequencies or one side, of a known length: one MatMul,
           between Transposes unless the axis is the last one of the signal. A ``dft_length`` crops
           the signal, or leaves out the rows of the matrix that zeros would be multiplied by.
        2. STFT whose window and step are known: one Conv, whose weights are the matrix times the
           window. Where the length of the signal is known, what step and frame have in common
           becomes channels, as Conv2D of CANN takes kernels of up to 255: a frame of 400 and a step
           of 160 become a kernel of 5, a stride of 2 and 80 channels. Where it is open, the kernel
           is the frame, which ``large-conv-split`` cuts.

        Equal matrices are one constant.

    Leaves alone
        A signal of unknown rank, unknown length along the axis of a DFT, or other types. An axis, a
        length or a step that is computed. A window that is computed: ``fold-constants`` folds
        HannWindow and its like. One side of complex numbers, and an inverse from one side whose
        frequencies are not those of its length, which ONNX does not define. A matrix of more than
        ``limit`` bytes.

    Numerics
        The matrix is exact before it is rounded to the type of the signal, and the result is within
        3e-6 of the RMS for up to 2048 numbers of float32. onnxruntime is as good for powers of two.
        For other lengths N it computes a chirp transform that is off by 3e-7 N of the RMS;
        therefore these are compared with numpy's transform in float64, and where that cannot be
        done, inside subgraphs, with onnxruntime to ``1e-6 N``.

        Infinity or NaN at one place makes NaN of more parts of the result than in onnxruntime, as
        infinity times 0 is NaN. Data of this pass must be finite.
    """

    name = "dft"
    match_ops = ("DFT", "STFT")
    contract = Close()
    must_match = False
    reads_shapes = True

    limit: int = 128 * 2**20
    """Bytes that one matrix may have."""

    def __post_init__(self) -> None:
        if self.limit < 0:
            raise ValueError(f"limit={self.limit} is a number of bytes, so not negative")

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip:
        """Read the signal, then transform it as a whole or in frames."""
        data = node.inputs[0]
        known = rw.dims(data)
        if data is None or not known:
            return rw.skip("the rank of its signal is not known")
        if data.dtype not in _TYPES:
            kind = "an unknown type" if data.dtype is None else data.dtype.name.lower()
            return rw.skip(f"its signal is of {kind}, not float16 or float32")
        parts = 1 if node.op_type == "STFT" and len(known) == 2 else known[-1]
        if parts not in (1, 2):
            return rw.skip("it is not known whether its signal is real or complex")
        if node.op_type == "STFT":
            return self._frames(node, data, parts, rw)
        return self._whole(node, data, parts, rw)

    def conclude(self, rewrites: Sequence[Rewrite], rw: Rewriter) -> Contract:
        """All references in one ``Replaces``; the loosest tolerance for the rest."""
        promised = [rewrite.contract for rewrite in rewrites]
        places = [s for c in promised if isinstance(c, Replaces) for s in c.substitutions]
        rtols = [c.rtol for c in promised if isinstance(c, Close) and c.rtol is not None]
        close = Close(max(rtols)) if rtols else Close()
        return Replaces(tuple(places), close) if places else close

    def _whole(self, node: ir.Node, data: ir.Value, parts: int, rw: Rewriter) -> ir.Value | Skip:
        """DFT: the axis in front of the parts, both as one, times the matrix."""
        known = rw.dims(data) or ()
        rank = len(known)
        given = _axis(node, rw)
        if given is None:
            return rw.skip("its axis is computed")
        axis = int(given) % rank
        if axis == rank - 1 or not -rank <= given < rank:
            return rw.skip(f"its axis {given:g} is none of the signal")
        size = known[axis]
        if size is None:
            return rw.skip(f"the size of axis {axis} is not known")
        transform = _of_dft(node, size, parts, rw)
        if isinstance(transform, Skip):
            return transform
        refusal = self._refusal(transform, data, rw)
        if refusal is not None:
            return refusal
        signal = data
        if size > transform.given:
            signal = _cropped(rw, data, axis, transform.given)
        order = [*(k for k in range(rank - 1) if k != axis), axis, rank - 1]
        moved = order != list(range(rank))
        if moved:
            signal = rw.op("Transpose", signal, perm=order)
        lead = [0] * (rank - 2)  # copied, whatever they are
        matrix = _constant(transform, transform.matrix, node, data, rw)
        flat = rw.op("Reshape", signal, rw.const([*(lead or [1]), transform.shape[0]]))
        product = rw.op("MatMul", flat, matrix)
        result = rw.op("Reshape", product, rw.const([*lead, transform.made, transform.made_parts]))
        if moved:
            result = rw.op("Transpose", result, perm=[order.index(k) for k in range(rank)])
        _promise(node, data, transform.length, partial(transform.by_numpy, axis=axis), rw)
        return result

    def _frames(self, node: ir.Node, data: ir.Value, parts: int, rw: Rewriter) -> ir.Value | Skip:
        """STFT: the signal in blocks of what step and frame have in common, then a Conv."""
        known = rw.dims(data) or ()
        if len(known) not in (2, 3):
            return rw.skip(f"its signal has {len(known)} dims, not 3")
        framing = _framing(node, data, parts, rw)
        if isinstance(framing, Skip):
            return framing
        refusal = self._refusal(framing.each, data, rw)
        if refusal is not None:
            return refusal
        size, length, step = known[1], framing.each.length, framing.step
        if size is not None and size < length:
            return rw.skip(f"its signal of {size} is shorter than a frame of {length}")
        block = 1 if size is None else gcd(length, step)
        channels = block * parts
        if size is None:
            whole = rw.op("Unsqueeze", data, rw.const([2])) if len(known) == 2 else data
        else:
            count = size // block  # no frame reaches into what is left
            whole = data if size == count * block else _cropped(rw, data, 1, count * block)
            whole = rw.op("Reshape", whole, rw.const([0, count, channels]))
        turned = rw.op("Transpose", whole, perm=[0, 2, 1])
        window = b"" if framing.window is None else framing.window.tobytes()
        key = (framing.each, window, channels)
        weights = _constant(key, partial(framing.weights, channels), node, data, rw)
        kernel, stride = length // block, step // block
        frames = rw.op("Conv", turned, weights, kernel_shape=[kernel], strides=[stride])
        result = rw.op("Transpose", frames, perm=[0, 2, 1])
        result = rw.op("Reshape", result, rw.const([0, 0, framing.each.made, 2]))
        _promise(node, data, length, framing.by_numpy, rw)
        return result

    def _refusal(self, transform: Transform, data: ir.Value, rw: Rewriter) -> Skip | None:
        """Why a transform gets no matrix."""
        if min(transform.given, transform.length) < 1:
            return rw.skip("it transforms no numbers")
        if transform.parts == 2 and transform.onesided and not transform.inverse:
            return rw.skip("it makes one side of complex numbers, which ONNX does not define")
        assert data.dtype is not None
        size = prod(transform.shape) * data.dtype.bitwidth // 8
        if size > self.limit:
            return rw.skip(f"its matrix has {size} bytes; see dft{{limit}}")
        return None


@dataclass(frozen=True)
class _Framing:
    """How an STFT cuts frames out of its signal."""

    each: Transform
    step: int
    window: np.ndarray | None
    """float64, as long as a frame; ``None`` stands for ones."""

    def weights(self, channels: int) -> np.ndarray:
        """Of a Conv over blocks of ``channels`` numbers: [2 K, channels, length / block]."""
        matrix = self.each.matrix()
        if self.window is not None:
            matrix *= np.repeat(self.window, self.each.parts)[:, None]
        return np.transpose(matrix.reshape(-1, channels, matrix.shape[1]), (2, 1, 0))

    def by_numpy(self, data: np.ndarray) -> np.ndarray:
        """The transform of [batch, L] or [batch, L, parts], float64 [batch, frames, K, 2]."""
        signal = np.asarray(data, np.float64).reshape(*data.shape[:2], -1)
        frames = np.lib.stride_tricks.sliding_window_view(signal, self.each.length, axis=1)
        frames = frames[:, :: self.step].swapaxes(2, 3)  # [batch, frames, length, parts]
        weights = 1 if self.window is None else self.window[:, None]
        return self.each.by_numpy(frames * weights, axis=2)


def _of_dft(node: ir.Node, size: int, parts: int, rw: Rewriter) -> Transform | Skip:
    """The transform of an axis of this size."""
    inverse, onesided = (bool(rw.attr_int(node, key, 0)) for key in ("inverse", "onesided"))
    length: float | None = 2 * (size - 1) if inverse and onesided else size
    if rw.has_input(node, 1):
        length = fixed(node.inputs[1], rw)
    if length is None:
        return rw.skip("its dft_length is computed")
    transform = Transform(
        length=int(length),
        given=size if inverse and onesided else min(size, int(length)),
        parts=parts,
        inverse=inverse,
        onesided=onesided,
    )
    if inverse and onesided and (parts == 1 or size != transform.length // 2 + 1):
        kind = "real" if parts == 1 else "complex"
        return rw.skip(
            f"it is an inverse from one side with {size} {kind} numbers for a length of "
            f"{transform.length}, which ONNX does not define"
        )
    return transform


def _framing(node: ir.Node, data: ir.Value, parts: int, rw: Rewriter) -> _Framing | Skip:
    """What an STFT is told by its inputs."""
    step, window = fixed(node.inputs[1], rw), rw.constant(rw.input(node, 2))
    if step is None or step < 1:
        return rw.skip("its step is computed" if step is None else f"its step is {step:g}")
    if rw.has_input(node, 2) and window is None:
        return rw.skip("its window is computed; fold-constants folds a window of constant size")
    length = None if window is None else window.size
    if rw.has_input(node, 3):
        told = fixed(node.inputs[3], rw)
        if told is None:
            return rw.skip("its frame_length is computed")
        if window is not None and window.size != told:
            return rw.skip(
                f"its window has {window.size} numbers and its frames {told:g}, which ONNX excludes"
            )
        length = int(told)
    if length is None:
        return rw.skip("it has neither a window nor a frame_length, which onnxruntime does not run")
    onesided = bool(rw.attr_int(node, "onesided", 1))
    each = Transform(length=length, given=length, parts=parts, onesided=onesided)
    weights = None if window is None else window.reshape(-1).astype(np.float64)
    return _Framing(each, int(step), weights)


def _axis(node: ir.Node, rw: Rewriter) -> float | None:
    """The axis of a DFT as given; ``None`` when it is computed."""
    if rw.opset < _AXIS_INPUT_SINCE:
        return rw.attr_int(node, "axis", 1)
    return fixed(node.inputs[2], rw) if rw.has_input(node, 2) else -2


def _cropped(rw: Rewriter, data: ir.Value, axis: int, size: int) -> ir.Value:
    return rw.op("Slice", data, rw.const([0]), rw.const([size]), rw.const([axis]))


def _constant(
    key: Hashable, make: Callable[[], np.ndarray], node: ir.Node, data: ir.Value, rw: Rewriter
) -> ir.Value:
    """One constant, of the type of ``data``, for all nodes of a graph that need the same."""
    place = (key, data.dtype, node.graph)
    known = rw.memory.get(place)
    if isinstance(known, ir.Value) and known.is_initializer():
        return known
    rw.memory[place] = new = rw.const(np.ascontiguousarray(make()), data.dtype)
    return new


def _promise(
    node: ir.Node,
    data: ir.Value,
    length: int,
    reference: Callable[[np.ndarray], np.ndarray],
    rw: Rewriter,
) -> None:
    """What the result is compared with; see Numerics."""
    if length & (length - 1) == 0:
        return
    if node.graph is rw.model.graph and rw.constant(data) is None:
        place = Substitution((data.name or "",), node.outputs[0].name or "", reference)
        rw.promise(Replaces((place,)))
    elif data.dtype == ir.DataType.FLOAT:
        rw.promise(Close(rtol=_CHIRP * max(length, _SHORT)))

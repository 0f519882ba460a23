"""The ``resize-scales`` pass: constant scales or sizes where they are computed."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import onnx_ir as ir

from graphfix.contract import Exact
from graphfix.rewrite import RewritePass, Rewriter, Skip, constant_tensor
from graphfix.rewrite.symbolic import Known, Number, Size, quotient
from graphfix_passes._resize import Resizing, read, with_scales, with_sizes


@dataclass(frozen=True, kw_only=True)
class ResizeScales(RewritePass):
    """Replace computed scales or sizes of a Resize by constants, where every input size allows it.

    Why
        torch writes ``Upsample(scale_factor=2)`` as up to twenty nodes that compute the scales from
        Shape (opset 10) or the sizes (opset 11). ATC takes a Resize without constants for dynamic,
        or refuses it. Ascend's scripts delete these nodes by counting them.

    Rewrites
        1. Scales that come out the same for all sizes of the inputs become a constant, and so do
           sizes.
        2. Sizes of which each is a fixed multiple of the size of the input's axis become constant
           scales. The runtime divides one by the other, so coordinates are the same.

        The computation is followed however it is written: integers or floats, Floor or Cast, one
        axis at a time or all at once. Dims are followed through the network from the inputs.

    Leaves alone
        Sizes or scales that are constants already. Sizes that are a multiple for some sizes of the
        inputs only, such as half of an odd size, or that are those of another tensor: the scale the
        runtime works with is then a different one for every size. Sizes that are a frame to fit in
        (keep_aspect_ratio_policy), or stand beside a crop (tf_crop_and_resize). Scales that make
        an axis so nearly an integer long that rounding decides.
    """

    name = "resize-scales"
    match_ops = ("Resize", "Upsample")
    contract = Exact()
    reads_shapes = True

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip | None:
        """Make scales or sizes constant."""
        resizing = read(node, rw)
        given = resizing.scales or resizing.sizes
        if given is None:
            return None  # an attribute holds the scales
        word = "scales" if given is resizing.scales else "sizes"
        if constant_tensor(given) is not None:
            return rw.satisfied(f"its {word} are a constant")
        known = rw.facts.value(given)
        if known is None:
            return rw.skip(f"its {word} are computed from what is no size")
        array = known.constant
        if array is not None:
            rw.note(f"{word} are always {array.tolist()}")
            if word == "sizes":
                return with_sizes(resizing, rw.const(array.astype(np.int64)), rw)
            unsure = _unsure(array, resizing.dims(rw) or ())
            return rw.skip(unsure) if unsure else with_scales(resizing, array, rw)
        if word == "scales":
            return rw.skip(f"its scales are [{_text(known)}], not the same for all input sizes")
        scales = _scales(resizing, known, rw)
        if isinstance(scales, Skip):
            return scales
        rw.note(f"sizes [{_text(known)}] are always the input's times {scales.tolist()}")
        return with_scales(resizing, scales, rw)


def _scales(resizing: Resizing, known: Known, rw: Rewriter) -> np.ndarray | Skip:
    if resizing.policy != "stretch":
        return rw.skip("its sizes are a frame to fit in (keep_aspect_ratio_policy)")
    if resizing.coordinates == "tf_crop_and_resize":
        return rw.skip("its sizes stand beside a crop (tf_crop_and_resize)")
    dims = resizing.dims(rw)
    if dims is None:
        return rw.skip("the rank of its input is not known")
    scales = []
    for size, dim in zip(known.sizes, dims, strict=True):
        scale = None if size is None else _exact_scale(size, dim)
        if scale is None:
            return rw.skip(
                f"the size {'?' if size is None else size} is not {dim} times the same number for "
                "all input sizes"
            )
        scales.append(scale)
    return np.array(scales, np.float32)


def _exact_scale(size: Number, dim: Number) -> np.float32 | None:
    """The scale that gives ``size`` and the same coordinates for every ``dim``, bit for bit.

    For sizes the runtime works with ``float(size) / float(dim)``, for scales with the scale, and
    makes ``floor(scale * dim)`` points, all in float32. Sizes are exact there, being below 2**24,
    and their quotient is always rounded to the same float. Where that is not less than the
    quotient, the product is at least ``size``, and less than one above it.
    """
    exact = quotient(size, dim)
    if not isinstance(exact, int | Fraction) or exact <= 0:
        return None
    scale = np.float32(float(exact))
    return scale if Fraction(float(scale)) >= exact else None


def _unsure(scales: np.ndarray, dims: tuple[Size, ...]) -> str:
    """Why constant scales may be refused: onnx infers another size than the runtime makes.

    The one multiplies exactly and the other in float32, which may round up to the next integer.
    """
    for scale, dim in zip(scales, dims, strict=False):
        if (
            isinstance(dim, int)
            and Fraction(float(scale)) * dim // 1 != scale * np.float32(dim) // 1
        ):
            return f"{dim} times {scale} is so near to an integer that it is rounded up or down"
    return ""


def _text(known: Known) -> str:
    return ", ".join("?" if size is None else str(size) for size in known.sizes)

"""What a Resize does along each axis, as far as it is known, and which points it takes.

Formulas: the operator Resize of the ONNX specification (opset 11 and later).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Final

import numpy as np
import onnx_ir as ir

from graphfix.audit.reading import from_front, ints, text
from graphfix.audit.view import View

ROUNDINGS: Final[Mapping[str, Callable[[int, int], int]]] = {
    "floor": lambda n, d: n // d,
    "ceil": lambda n, d: -(-n // d),
    "round_prefer_floor": lambda n, d: -((d - 2 * n) // (2 * d)),
    "round_prefer_ceil": lambda n, d: (2 * n + d) // (2 * d),
}
"""``nearest_mode``: from the fraction ``n / d`` to the index of a point."""

_SIMPLE = 4096
"""A float32 that is nearest to a fraction with a denominator up to this is taken for it."""

_LONGEST = 1 << 16
"""Points along an axis that are worked out one by one."""


@dataclass(frozen=True)
class Axis:
    """One axis of a Resize. A size is ``None`` when it is not known."""

    index: int
    before: int | None
    after: int | None
    scale: Fraction | None
    """The factor that ``scales`` gives; ``None`` when sizes are given, or scales not known."""

    @property
    def ratio(self) -> Fraction | None:
        """The size after over the size before."""
        return Fraction(self.after, self.before) if self.before and self.after else None

    @property
    def factor(self) -> Fraction | None:
        """What ONNX multiplies with: the scale, or else the ratio of the sizes."""
        return self.scale or self.ratio

    @property
    def same(self) -> bool:
        """Whether the axis is known to stay as it is."""
        return self.ratio == 1 or (self.ratio is None and self.scale == 1)

    def __str__(self) -> str:
        """Such as ``axis 2 (4 to 8)``."""
        if self.ratio is None:
            return f"axis {self.index} (times {float(self.scale or 0):g})"
        return f"axis {self.index} ({self.before} to {self.after})"


@dataclass(frozen=True)
class Resizing:
    """What the attributes and inputs of a Resize say, with ONNX's defaults filled in."""

    mode: str
    coordinates: str
    rounding: str
    axes: Sequence[Axis]
    """All axes of the data; none when their number is not known."""

    @property
    def same(self) -> bool:
        """Whether the data are known to stay as they are."""
        return bool(self.axes) and all(axis.same for axis in self.axes)

    @property
    def remedy(self) -> str | None:
        """The pass that says which points are taken, or with which weights, where sizes are known.

        There is none for coordinates that it does not know either, nor for a crop that keeps all
        sizes, about which runtimes differ.
        """
        known = all(axis.same or (axis.before and axis.after) for axis in self.axes)
        changes = bool(self.axes) and not self.same
        if self.mode in ("linear", "cubic"):
            return "resize-matmul" if known and changes else None
        clear = self.coordinates in (*_POSITIONS, "half_pixel_symmetric", "tf_half_pixel_for_nn")
        crops = self.coordinates == "tf_crop_and_resize" and changes
        return "resize-gather" if known and (clear or crops) else None


def inputs_of(node: ir.Node, view: View) -> tuple[ir.Value | None, ir.Value | None]:
    """Its ``scales`` and ``sizes``; an empty constant is left out (the form of opset 11)."""
    first = 1 if view.opset == 10 or node.op_type == "Upsample" else 2
    given = (view.input(node, first), view.input(node, first + 1))
    scales, sizes = (None if _empty(value, view) else value for value in given)
    return scales, sizes


def resizing(node: ir.Node, view: View) -> Resizing:
    """What is known of a Resize (opset 10 and later)."""
    before = view.shape(view.input(node, 0)) or ()
    after = view.shape(node.outputs[0]) if node.outputs else None
    if after is None or len(after) != len(before):
        after = (None,) * len(before)
    scales = _scales(node, view, len(before))
    old = view.opset == 10
    return Resizing(
        text(node, "mode", "nearest"),
        "asymmetric" if old else text(node, "coordinate_transformation_mode", "half_pixel"),
        "floor" if old else text(node, "nearest_mode", "round_prefer_floor"),
        tuple(
            Axis(index, old_size, new_size, scale)
            for index, (old_size, new_size, scale) in enumerate(
                zip(before, after, scales, strict=True)
            )
        ),
    )


@lru_cache(maxsize=256)
def points(axis: Axis, factor: Fraction, coordinates: str, rounding: str) -> Sequence[int] | None:
    """The points of the input that the points of the output are, in nearest mode.

    Where the sizes are not known, the points of one period of the factor, if it is short: they say
    the same. ``None`` for coordinates and roundings that are not known, where sizes matter but are
    not known, and for axes longer than any picture.
    """
    before, after = axis.before, axis.after
    if not before or not after:
        before, after = 2 * factor.denominator, 2 * factor.numerator
        if coordinates == "align_corners" or max(before, after) > _SIMPLE:
            return None
    position = _POSITIONS.get(coordinates)
    to_index = ROUNDINGS.get(rounding)
    if position is None or to_index is None or after > _LONGEST:
        return None
    last = before - 1
    indices = (to_index(*position(i, factor, before, after)) for i in range(after))
    return tuple(min(max(index, 0), last) for index in indices)


def _half_pixel(i: int, factor: Fraction, before: int, after: int) -> tuple[int, int]:
    p, q = factor.numerator, factor.denominator
    return (2 * i + 1) * q - p, 2 * p


def _align_corners(i: int, factor: Fraction, before: int, after: int) -> tuple[int, int]:
    return i * (before - 1), max(after - 1, 1)


_POSITIONS: Final[Mapping[str, Callable[[int, Fraction, int, int], tuple[int, int]]]] = {
    "asymmetric": lambda i, factor, before, after: (i * factor.denominator, factor.numerator),
    "half_pixel": _half_pixel,
    "pytorch_half_pixel": lambda *a: _half_pixel(*a) if a[-1] > 1 else (0, 1),
    "align_corners": _align_corners,
}
"""Where output point ``i`` lies in the input, as numerator and denominator."""


def _empty(value: ir.Value | None, view: View) -> bool:
    constant = view.constant(value)
    return constant is not None and constant.size == 0


def _scales(node: ir.Node, view: View, rank: int) -> Sequence[Fraction | None]:
    scales, sizes = inputs_of(node, view)
    found = view.constant(scales) if sizes is None else None
    axes = ints(node, "axes") or tuple(range(rank))
    every: list[Fraction | None] = [None] * rank
    if found is None or found.dtype.kind != "f" or found.size != len(axes):
        return every
    if "axes" in node.attributes:
        every = [Fraction(1)] * rank
    for axis, scale in zip(axes, found.flat, strict=True):
        if not -rank <= axis < rank or not np.isfinite(scale) or scale <= 0:
            return [None] * rank
        every[from_front(axis, rank)] = _fraction(scale)
    return every


def _fraction(scale: np.floating) -> Fraction:
    """The simple fraction that was meant, where the number is the nearest to it."""
    exact = Fraction(float(scale))
    simple = exact.limit_denominator(_SIMPLE)
    return simple if np.float32(simple) == np.float32(scale) else exact

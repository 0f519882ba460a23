"""The ``resize-gather`` pass: the points that nearest takes, as constant indices."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any, Final

import numpy as np
import onnx_ir as ir

from graphfix.contract import Exact
from graphfix.rewrite import RewritePass, Rewriter, Skip
from graphfix_passes._known import known_array
from graphfix_passes._resize import CROP, WHOLE, Resizing, read

_COORDINATES: Final = (
    "align_corners", "asymmetric", "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel",
    "tf_half_pixel_for_nn", CROP,
)  # fmt: skip
_CANONICAL: Final = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}

_SLACK: Final = 1e-5
"""How far, relatively, float32 may put a point from where it is."""


@dataclass(frozen=True)
class _Axis:
    """What becomes of one axis."""

    before: int
    points: tuple[int, ...]
    """Which elements are taken."""
    by_ratio: bool
    """Whether the scale is what the sizes say."""

    @property
    def is_whole(self) -> bool:
        """Whether every element becomes so many, or every so many-th stays."""
        size, count = self.before, len(self.points)
        whole = size % count == 0 or count % size == 0
        return whole and self.points == tuple(k * size // count for k in range(count))


@dataclass(frozen=True, kw_only=True)
class ResizeGather(RewritePass):
    """Replace a nearest Resize by Gathers of the points it takes, where kernels may take others.

    Why
        ATC reads neither ``nearest_mode`` nor ``roi``, takes coordinates that it does not know for
        asymmetric, works with the ratio of the sizes instead of the scales, and leaves batch and
        channels as they are, all without a message. A Gather with constant indices says which
        points are meant.

    Rewrites
        1. Whole factors along height and width of four dims that take the same points as asymmetric
           coordinates rounded down become just that, which all releases read alike.
        2. Anything else becomes a Gather for each axis that changes.

    Leaves alone
        Whole factors with asymmetric coordinates that are rounded down. Linear and cubic. Scales or
        sizes that are computed; an axis that changes and whose size is not known. Points so near to
        the middle between two elements, or to the end of the data, that the rounding of float32
        decides, as that differs between runtimes; a scale or a crop that keeps the size of an axis.
        Crops that are computed, or go beyond the data. Policies.
    """

    name = "resize-gather"
    match_ops = ("Resize", "Upsample")
    contract = Exact()
    must_match = False
    reads_shapes = True

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip | None:
        """Say which points are meant."""
        resizing = read(node, rw)
        if resizing.mode != "nearest":
            return None
        if resizing.coordinates not in _COORDINATES:
            return rw.skip(f"its coordinates are {resizing.coordinates}")
        if resizing.policy != "stretch":
            return rw.skip(f"its policy is {resizing.policy}, which opset{{to=17}} writes as sizes")
        is_canonical = (resizing.coordinates, resizing.nearest_mode) == tuple(_CANONICAL.values())
        if is_canonical and _has_whole_scales(resizing, rw):
            return rw.satisfied("it takes whole factors, asymmetric and rounded down")
        axes = _axes(resizing, rw)
        if isinstance(axes, Skip):
            return axes
        if not axes:
            return resizing.data
        picture = len(rw.facts.dims(resizing.data) or ()) == 4 and set(axes) <= {2, 3}
        if picture and all(axis.is_whole and axis.by_ratio for axis in axes.values()):
            if is_canonical:
                return rw.satisfied("it takes whole factors, asymmetric and rounded down")
            return rw.copy(node, **_CANONICAL)
        value = resizing.data
        for number, axis in axes.items():
            value = rw.op("Gather", value, rw.const(np.array(axis.points)), axis=number)
        return value


def _has_whole_scales(resizing: Resizing, rw: Rewriter) -> bool:
    """Whether height and width grow by whole factors, whatever their sizes are."""
    scales = known_array(resizing.scales, rw)
    if scales is None or len(scales) != 4 or resizing.axes is not None:
        return False
    return bool((scales[:2] == 1).all() and (scales % 1 == 0).all())


def _axes(resizing: Resizing, rw: Rewriter) -> Mapping[int, _Axis] | Skip:
    """The axes that change."""
    known = rw.facts.dims(resizing.data)
    given = known_array(resizing.scales or resizing.sizes, rw)
    if given is None:
        return rw.skip("its scales or sizes are computed; resize-scales makes them constant")
    found = {}
    crops = resizing.crops(len(given), rw)
    if isinstance(crops, Skip):
        return crops
    for number, item, crop in zip(resizing.axes or range(len(given)), given, crops, strict=True):
        size = known[number] if known is not None else None
        if crop == WHOLE and ((item == 1.0) if resizing.sizes is None else (item == size)):
            continue
        if not isinstance(size, int) or size == 0:
            return rw.skip(f"the size of axis {number} is not known")
        axis = _axis(size, item, crop, resizing)
        if isinstance(axis, str):
            return rw.skip(f"axis {number}: {axis}")
        found[number] = axis
    return found


def _axis(size: int, given: float, crop: tuple[float, float], resizing: Resizing) -> _Axis | str:
    """The points along one axis, or why they are not sure."""
    sizes = resizing.sizes is not None
    scale = np.float32(given) / np.float32(size if sizes else 1)
    count = int(given) if sizes else int(scale * np.float32(size))
    if count == 0:
        return "nothing is left of it"
    if count == size:
        what = "a scale other than 1" if crop == WHOLE else "a crop"
        return f"{what} keeps its size, about which runtimes differ"
    place = partial(_place, coordinates=resizing.coordinates, ends=(size, count), crop=crop)
    places = place(np.arange(count, dtype=np.float32), scale)
    points = _rounded(places, resizing.nearest_mode, size)
    slack = _SLACK * (1 + np.abs(places))
    below, above = (_rounded(places + s, resizing.nearest_mode, size) for s in (-slack, slack))
    exact = Fraction(count, size) if sizes else Fraction(float(scale))
    unsure = below != above
    if resizing.coordinates == CROP:  # beyond the data there are no points
        unsure |= (np.abs(places) <= slack) | (np.abs(places - (size - 1)) <= slack)
    for point in np.flatnonzero(unsure).tolist():
        if not _is_plain(crop, size) or place(Fraction(point), exact) != float(places[point]):
            return "which points are taken hangs on the rounding of the runtime"
    if resizing.coordinates == CROP and (places.min() < 0 or places.max() > size - 1):
        return "the crop goes beyond the data"
    return _Axis(size, tuple(points.tolist()), sizes or exact == Fraction(count, size))


def _place(
    point: Any, scale: Any, coordinates: str, ends: tuple[int, int], crop: tuple[float, float]
) -> Any:
    """Where a point of the result lies in the data, in the arithmetic of ``point`` and ``scale``.

    ``ends`` are the sizes before and after. Formulas: ONNX, operator Resize since opset 11.
    """
    before, after = ends
    half = type(scale)(0.5)
    if coordinates == CROP:
        start, end = map(type(scale), crop)
        if after == 1:
            return point * 0 + half * (start + end) * (before - 1)
        return start * (before - 1) + point * (end - start) * (before - 1) / (after - 1)
    if coordinates == "align_corners":
        return point * (before - 1) / max(1, after - 1)
    if coordinates == "asymmetric":
        return point / scale
    if coordinates == "tf_half_pixel_for_nn":
        return (point + half) / scale
    if coordinates == "pytorch_half_pixel" and after == 1:
        return point * 0
    if coordinates == "half_pixel_symmetric":
        lost = 1 - after / (scale * before)  # of the size, by rounding down
        return half * before * lost + (point + half) / scale - half
    return (point + half) / scale - half


def _is_plain(crop: tuple[float, float], size: int) -> bool:
    """Whether float32 holds the start and the length of a part, in whatever order they are made."""
    start, length = Fraction(crop[0]) * (size - 1), Fraction(crop[1]) - Fraction(crop[0])
    return all(Fraction(float(np.float32(float(exact)))) == exact for exact in (start, length))


def _rounded(places: np.ndarray, nearest_mode: str, size: int) -> np.ndarray:
    """The elements that are taken for places between them."""
    if nearest_mode == "floor":
        points = np.floor(places)
    elif nearest_mode == "ceil":
        points = np.ceil(places)
    elif nearest_mode == "round_prefer_floor":
        points = np.ceil(places - 0.5)
    else:
        points = np.floor(places + 0.5)
    return np.asarray(np.clip(points, 0, size - 1), np.int64)

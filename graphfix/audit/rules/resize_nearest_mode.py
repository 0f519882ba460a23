"""GF204: Resize whose nearest_mode is not ATC's."""

from collections.abc import Iterator
from fractions import Fraction

import onnx_ir as ir

from graphfix.audit.releases import between
from graphfix.audit.resizing import Axis, points, resizing
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.target import Evidence


class ResizeNearestMode(NodeRule):
    """ATC does not read ``nearest_mode``: where it matters, other points are taken.

    The kernel rounds as TensorFlow's does: half_pixel, pytorch_half_pixel and align_corners take
    the nearest point and the upper one of two that are as near (``round_prefer_ceil``), asymmetric
    takes the lower one (``floor``). This rule works out the points of both for the sizes of the
    node, and speaks where they differ: ONNX's default ``round_prefer_floor`` is the same for whole
    factors upwards, and another one for a factor of 1/2.

    For asymmetric with a factor that is not whole the documentation (``round_prefer_ceil`` for
    everything) contradicts that, so the result should be looked at.
    """

    id = "GF204"
    title = "Resize with another nearest_mode"
    severity = Severity.WRONG
    citation = "hicann/ops-nn: resize_onnx_plugin.cpp, BuildNearestResize"
    covers = ("Resize/5",)
    op_types = ("Resize",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """The points of both differ along some axis."""
        what = resizing(node, view)
        if view.opset < 11 or what.mode != "nearest":
            return
        if what.coordinates == "half_pixel" and between(view.profile, "5.1", "6.0"):
            return  # read as asymmetric there, which GF206 says
        asymmetric = what.coordinates == "asymmetric"
        rounding = "floor" if asymmetric else "round_prefer_ceil"
        moved = _moved(what.axes, what.coordinates, what.rounding, rounding)
        if moved:
            yield self.finding(
                f"has nearest_mode={what.rounding}, which ATC reads as {rounding}: "
                f"other points are taken along {moved}",
                view.label(node),
                advice="resize by whole factors with coordinate_transformation_mode=asymmetric "
                "and nearest_mode=floor, which is exact",
            )
            return
        broken = [a for a in what.axes if (_factor(a) or Fraction(1)).denominator != 1]
        moved = _moved(broken, what.coordinates, what.rounding, "round_prefer_ceil")
        if asymmetric and moved:
            yield self.finding(
                "is documented to take other points (round_prefer_ceil) by a factor that is not "
                f"whole: along {moved}",
                view.label(node),
                advice="compare its output on the device, or resize by whole factors",
                severity=Severity.INFO,
                evidence=Evidence.DOC,
                citation="documentation of ONNX operators, page 09_0131 (CANN 8.3 and later)",
            )


def _factor(axis: Axis) -> Fraction | None:
    return axis.scale or axis.ratio


def _moved(axes: Iterator[Axis] | list[Axis], coordinates: str, one: str, other: str) -> str:
    """The axes along which two roundings take different points."""
    found = []
    for axis in axes:
        factor = _factor(axis)
        if factor is not None and not axis.same:
            if points(axis, factor, coordinates, one) != points(axis, factor, coordinates, other):
                found.append(str(axis))
    return ", ".join(found)

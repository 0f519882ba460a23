"""GF204: Resize whose nearest_mode is not ATC's."""

from collections.abc import Iterator, Sequence

import onnx_ir as ir

from graphfix.audit.releases import between
from graphfix.audit.resizing import Axis, Resizing, points, resizing
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.target import Evidence

_ADVICE = (
    "resize by whole factors with coordinate_transformation_mode=asymmetric and "
    "nearest_mode=floor, which is exact"
)
_LOOK = "compare the result; resize-gather writes out the points of ONNX"


class ResizeNearestMode(NodeRule):
    """ATC does not read ``nearest_mode``: where it matters, other points are taken.

    The documentation says that ATC rounds to the nearest point, and to the upper one of two that
    are as near (``round_prefer_ceil``). This rule works out the points of both for the sizes of the
    node, and speaks where they differ: ONNX's default ``round_prefer_floor`` is the same for whole
    factors upwards, and another one for a factor of 1/2.

    The kernel is TensorFlow's operator, which does just that with half_pixel, pytorch_half_pixel
    and align_corners, but rounds down (``floor``) with asymmetric. Where the two ways contradict
    each other for an asymmetric node, the rule asks to compare the result: ``resize-gather`` would
    make it sure, at the price of Gathers for a Resize that may be right as it is.
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
        moved = _moved(what, "round_prefer_ceil")
        floored = _moved(what, "floor") if what.coordinates == "asymmetric" else moved
        if moved and floored:
            yield self.finding(
                f"has nearest_mode={what.rounding}, which ATC does not read: other points are "
                f"taken along {_text(moved)}",
                view.label(node),
                remedy=what.remedy,
                advice="" if what.remedy else _ADVICE,
            )
        elif floored or any(axis.factor and axis.factor.denominator > 1 for axis in moved):
            yield self.finding(
                f"has nearest_mode={what.rounding}; ATC documents round_prefer_ceil, its kernel "
                f"rounds down, and they differ along {_text(floored or moved)}",
                view.label(node),
                advice=_LOOK if what.remedy else _ADVICE,
                severity=Severity.INFO,
                evidence=Evidence.DOC,
                citation="documentation of ONNX operators, page 09_0131 (CANN 8.3 and later)",
            )


def _moved(what: Resizing, rounding: str) -> Sequence[Axis]:
    """The axes along which another rounding takes other points."""
    found = []
    for axis in what.axes:
        if axis.factor is None or axis.same:
            continue
        wanted = points(axis, axis.factor, what.coordinates, what.rounding)
        if wanted is not None and wanted != points(axis, axis.factor, what.coordinates, rounding):
            found.append(axis)
    return found


def _text(axes: Sequence[Axis]) -> str:
    return " and ".join(map(str, axes))

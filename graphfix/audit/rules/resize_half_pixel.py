"""GF206: half_pixel, which old releases read as asymmetric."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.releases import between
from graphfix.audit.resizing import Resizing, points, resizing
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.target import Evidence, Profile


class ResizeHalfPixel(NodeRule):
    """CANN 5.1 and 6.0 resize with ``half_pixel``, ONNX's default, as if it said asymmetric.

    Their plugin knows ``pytorch_half_pixel`` and takes everything else but align_corners for
    asymmetric: the result is shifted by up to half a pixel. The public sources from 8.5 on know
    both; nobody knows about 7.0 and 8.0. ``resize-canonical`` writes pytorch_half_pixel, which is
    the same arithmetic for outputs longer than one point.

    In nearest mode a whole factor upwards gives the same points both ways, which is no finding.
    """

    id = "GF206"
    title = "half_pixel read as asymmetric"
    severity = Severity.WRONG
    citation = "canndev 2022-06-30: resize_plugin.cc, resize_fusion_pass.cc"
    covers = ("Resize/7",)
    op_types = ("Resize",)

    def applies(self, profile: Profile) -> bool:
        """Before the sources that know better."""
        return between(profile, "5.1", "8.0")

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """The attribute says half_pixel, or nothing."""
        what = resizing(node, view)
        if view.opset < 11 or what.coordinates != "half_pixel" or what.same:
            return
        if what.mode not in ("nearest", "linear") or (what.mode == "nearest" and not _moves(what)):
            return
        known = between(view.profile, "5.1", "6.0")
        yield self.finding(
            "has coordinate_transformation_mode=half_pixel, which CANN "
            + (f"{view.profile.cann} takes for asymmetric" if known else "6.0 took for asymmetric"),
            view.label(node),
            remedy="resize-canonical",
            severity=Severity.WRONG if known else Severity.INFO,
            evidence=Evidence.SOURCE if known else Evidence.INFERENCE,
        )


def _moves(what: Resizing) -> bool:
    """Whether asymmetric rounded down is known to take other points."""
    for axis in what.axes:
        if axis.factor is not None and not axis.same:
            wanted = points(axis, axis.factor, what.coordinates, what.rounding)
            if wanted is not None and wanted != points(axis, axis.factor, "asymmetric", "floor"):
                return True
    return False

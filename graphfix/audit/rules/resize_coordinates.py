"""GF205: nearest Resize with coordinates that ATC does not have."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.resizing import resizing
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity

_KNOWN = ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric")
_CROP = "cut the region out with Slice, then resize it"
_OTHER = "write asymmetric or pytorch_half_pixel, whichever keeps the accuracy"


class ResizeCoordinates(NodeRule):
    """In nearest mode every coordinate transformation that ATC does not know becomes asymmetric.

    ATC has two switches, half_pixel_centers and align_corners. ``tf_half_pixel_for_nn``,
    ``half_pixel_symmetric`` and ``tf_crop_and_resize`` set neither, without a message. The roi of
    ``tf_crop_and_resize`` is not read either: the whole input is resized instead of the crop.
    ``resize-gather`` says which points are meant, where sizes and roi are known.
    """

    id = "GF205"
    title = "nearest Resize with unknown coordinates"
    severity = Severity.WRONG
    citation = "hicann/ops-nn: resize_onnx_plugin.cpp, ParseResizeModeAttrs"
    covers = ("Resize/6", "Resize/8")
    op_types = ("Resize",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """The attribute is none that ATC knows, and the size changes."""
        what = resizing(node, view)
        if what.mode != "nearest" or what.coordinates in _KNOWN:
            return
        crops = what.coordinates == "tf_crop_and_resize"
        if what.same and not crops:
            return
        yield self.finding(
            f"has coordinate_transformation_mode={what.coordinates}, which ATC takes for asymmetric"
            + (", and its roi is not read" if crops else ""),
            view.label(node),
            remedy=what.remedy,
            advice="" if what.remedy else _CROP if crops else _OTHER,
        )

"""GF211: attributes of an interpolating Resize that ATC does not read."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.reading import integer, real, text
from graphfix.audit.resizing import resizing
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity

_ADVICE = "export with ONNX's defaults; resize-matmul wants known sizes that change"


class ResizeIgnoredAttributes(NodeRule):
    """``cubic_coeff_a``, ``exclude_outside`` and ``extrapolation_value`` are not read.

    ATC interpolates with the defaults -0.75, 0 and 0. PyTorch exports -0.75; TensorFlow and PIL use
    -0.5. ``extrapolation_value`` means something for tf_crop_and_resize only, the other two for
    cubic only. ``resize-matmul`` multiplies by the weights that are meant, where the sizes are
    known.
    """

    id = "GF211"
    title = "attributes of Resize that are not read"
    severity = Severity.WRONG
    citation = "hicann/ops-nn: resize_onnx_plugin.cpp, ParseParamsResize"
    covers = ("Resize/5",)
    op_types = ("Resize",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """An attribute that counts is not the default."""
        lost = []
        if text(node, "mode", "nearest") == "cubic":
            coefficient = real(node, "cubic_coeff_a", -0.75)
            if coefficient != -0.75:
                lost.append(f"cubic_coeff_a={coefficient:g} (ATC: -0.75)")
            if integer(node, "exclude_outside", 0):
                lost.append("exclude_outside=1 (ATC: 0)")
        if text(node, "coordinate_transformation_mode", "") == "tf_crop_and_resize":
            outside = real(node, "extrapolation_value", 0.0)
            if outside:
                lost.append(f"extrapolation_value={outside:g} (ATC: 0)")
        if lost and view.opset >= 11:
            remedy = resizing(node, view).remedy
            yield self.finding(
                f"has {' and '.join(lost)}, which ATC does not read",
                view.label(node),
                remedy=remedy,
                advice="" if remedy else _ADVICE,
            )

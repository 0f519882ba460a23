"""GF209: Resize whose scales do not give whole sizes."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.resizing import Axis, Resizing, points, resizing
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity

_ADVICE = (
    "give sizes instead of scales and compare the accuracy, or use an input size that the scale "
    "makes whole"
)


class ResizeRatio(NodeRule):
    """ATC turns scales into a size, and works with the ratio of the sizes from then on.

    ONNX rounds size times scale down, too, but then works with the scale. Where the product is not
    whole, nearest mode can take other points: 5 times 1.7 are 8, and 8/5 is not 1.7. The rule works
    out both. With sizes instead of scales, ONNX takes the ratio as well.
    """

    id = "GF209"
    title = "scales that do not give whole sizes"
    severity = Severity.WRONG
    citation = "hicann/ops-nn: resize_onnx_plugin.cpp, BuildResizeSizesFromInputs"
    covers = ("Resize/12",)
    op_types = ("Resize",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """The points by scale and by ratio differ along some axis."""
        what = resizing(node, view)
        if what.mode != "nearest" or what.coordinates == "align_corners":
            return
        moved = [axis for axis in what.axes if _moves(axis, what)]
        if moved:
            said = " and ".join(f"{axis} by {float(axis.scale or 0):g}" for axis in moved)
            yield self.finding(
                f"resizes {said}: ATC works with the ratio of the sizes and takes other points",
                view.label(node),
                remedy=what.remedy,
                advice="" if what.remedy else _ADVICE,
            )


def _moves(axis: Axis, what: Resizing) -> bool:
    if axis.scale is None or axis.ratio is None or axis.scale == axis.ratio:
        return False
    wanted = points(axis, axis.scale, what.coordinates, what.rounding)
    return wanted != points(axis, axis.ratio, what.coordinates, what.rounding)

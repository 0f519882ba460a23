"""GF202: cubic Resize."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.reading import text
from graphfix.audit.releases import between
from graphfix.audit.resizing import resizing
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.target import Evidence

_ADVICE = "fix the sizes of the input with dynamic-shape, for resize-matmul, or use mode=linear"


class ResizeCubic(NodeRule):
    """Cubic interpolation is refused by old releases and not promised by the later ones.

    CANN 5.1 and 6.0 stop ("mode name is not nearest or linear"). The plugin of later releases
    passes cubic on, but the documentation up to 9.1 lists nearest and linear only.
    ``resize-matmul`` multiplies by the cubic weights, one MatMul per axis, where the sizes are
    known; interpolate linearly where the accuracy allows it.
    """

    id = "GF202"
    title = "cubic Resize"
    severity = Severity.INFO
    evidence = Evidence.DOC
    citation = "documentation of ONNX operators, page 09_0131 (CANN 6.0.1 to 9.1)"
    covers = ("Resize/3",)
    op_types = ("Resize",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """The mode, judged by the release."""
        if view.opset < 11 or text(node, "mode", "nearest") != "cubic":
            return
        remedy = resizing(node, view).remedy
        advice = "" if remedy else _ADVICE
        if between(view.profile, "5.1", "6.0"):
            yield self.finding(
                f"has mode=cubic, which CANN {view.profile.cann} refuses",
                view.label(node),
                remedy=remedy,
                advice=advice,
                severity=Severity.ERROR,
                evidence=Evidence.SOURCE,
                citation="canndev 2022-06-30: resize_fusion_pass.cc, MatchModeName",
            )
            return
        yield self.finding(
            "has mode=cubic, and only nearest and linear are documented",
            view.label(node),
            remedy=remedy,
            advice=advice,
        )

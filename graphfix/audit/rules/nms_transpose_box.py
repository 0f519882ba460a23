"""GF334: BatchMultiClassNMS with boxes the other way round."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.reading import integer
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.target import Evidence


class NmsTransposeBox(NodeRule):
    """A BatchMultiClassNMS has ``transpose_box``.

    The documentation wants false. Transpose the boxes in front of it, so that the four coordinates
    are the last dim.
    """

    id = "GF334"
    title = "transpose_box"
    severity = Severity.ERROR
    evidence = Evidence.DOC
    citation = "documentation of ATC: BatchMultiClassNonMaxSuppression"
    covers = ("BatchMultiClassNMS/1",)
    op_types = ("BatchMultiClassNMS",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """The attribute is not 0."""
        transposed = integer(node, "transpose_box", 0)
        if transposed:
            yield self.finding(
                f"has transpose_box {transposed}; ATC takes 0 alone",
                view.label(node),
                advice="transpose the boxes in front of it",
            )

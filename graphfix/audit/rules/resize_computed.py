"""GF203: Resize and Upsample to a computed size."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.reading import from_shapes, opens_shape
from graphfix.audit.resizing import inputs_of
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.target import Evidence


class ResizeComputed(NodeRule):
    """Scales or sizes that are no constant leave the size of the output open.

    Exporters write them as arithmetic on ``Shape``. The documentation says to make them constants;
    otherwise the shapes behind are dynamic, and old releases leave the node without a kernel that
    fits. What depends on static shapes alone is folded by ATC and no finding. ``resize-scales``
    replaces arithmetic that has the same result for all sizes.
    """

    id = "GF203"
    title = "Resize or Upsample to a computed size"
    severity = Severity.DYNAMIC
    evidence = Evidence.DOC
    citation = "documentation of ONNX operators, page 09_0131"
    covers = ("Resize/4", "G4")
    op_types = ("Resize", "Upsample")

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """One of the two is there and no constant."""
        for name, value in zip(("scales", "sizes"), inputs_of(node, view), strict=True):
            if value is not None and opens_shape(node, value, view):
                by_shapes = from_shapes(value)
                yield self.finding(
                    f"has computed {name}: the size of its output is not static",
                    view.label(node),
                    remedy="resize-scales" if by_shapes else None,
                    advice="" if by_shapes else f"make the {name} a constant",
                )

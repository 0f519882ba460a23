"""GF341: IsInf of one side."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.reading import integer
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity


class IsInfSides(NodeRule):
    """An IsInf looks for one of the two infinities.

    ATC's plugin refuses ``detect_negative`` or ``detect_positive`` other than 1. Equal with a
    constant infinity finds one, which ``isinf`` writes.
    """

    id = "GF341"
    title = "IsInf of one side"
    severity = Severity.ERROR
    citation = "hicann/ops-math: isinf_onnx_plugin.cpp"
    covers = ("IsInf/1",)
    op_types = ("IsInf",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """Either attribute is not 1."""
        for name in ("detect_negative", "detect_positive"):
            value = integer(node, name, 1)
            if value != 1:
                yield self.finding(
                    f"has {name} {value}; ATC takes 1 alone",
                    view.label(node),
                    remedy="isinf",
                )

"""GF336: ArgMax and ArgMin that take the last of equals."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.reading import integer
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity


class ArgSelectLast(NodeRule):
    """An ArgMax or ArgMin wants the last of several equal elements.

    ATC's plugin refuses ``select_last_index`` 1. With the axis reversed in front of it, the first
    is the last; ``argmax`` reverses it and counts back.
    """

    id = "GF336"
    title = "select_last_index"
    severity = Severity.ERROR
    citation = "hicann/ops-math: argmax, argmin _onnx_plugin.cpp"
    covers = ("ArgMax/1",)
    op_types = ("ArgMax", "ArgMin")

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """The attribute is 1."""
        if integer(node, "select_last_index", 0) == 1:
            yield self.finding(
                "has select_last_index 1, which ATC refuses",
                view.label(node),
                remedy="argmax",
            )

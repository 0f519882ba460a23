"""GF267: negative indices of GatherND."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.reading import constant_ints
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.target import Evidence


class GatherNdNegativeIndices(NodeRule):
    """A negative index of GatherND is not counted from the end.

    GE's GatherNd has an attribute for it, ``negative_index_support``, which is off by default and
    which the plugin does not set, unlike that of Gather. An index outside of the data gives zeros
    or an error of the AI Core, depending on the mode of the kernel. ``gather-negative``
    adds the size of the axis.
    """

    id = "GF267"
    title = "negative indices of GatherND"
    severity = Severity.WRONG
    evidence = Evidence.INFERENCE
    citation = "hicann/ops-nn: gather_nd_onnx_plugin.cpp; REG_OP(GatherNd)"
    covers = ("GatherND/1",)
    op_types = ("GatherND",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """A constant index is negative."""
        lowest = min(constant_ints(view.input(node, 1), view) or (0,))
        if lowest < 0:
            yield self.finding(
                f"gathers index {lowest}, which is not counted from the end",
                view.label(node),
                remedy="gather-negative",
            )

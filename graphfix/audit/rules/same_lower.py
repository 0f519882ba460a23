"""GF311: SAME_LOWER of pools."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.audit.windows import window
from graphfix.finding import Finding, Severity


class SameLower(NodeRule):
    """A pool pads with SAME_LOWER, and the padding is odd.

    ATC has one SAME, which puts the odd element at the end, as SAME_UPPER does; SAME_LOWER puts it
    at the begin. The result is shifted. Where all paddings are even both are the same.
    ``conv-attrs`` writes ``pads`` instead.
    """

    id = "GF311"
    title = "SAME_LOWER of a pool"
    severity = Severity.WRONG
    citation = "hicann/ops-nn: average_pool, lppool, max_pool _onnx_plugin.cpp"
    covers = ("AveragePool/2", "MaxPool/5")
    op_types = ("AveragePool", "LpPool", "MaxPool")

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """Where a padding is odd; over three dims only MaxPool reads auto_pad at all."""
        found = window(node, view)
        if found is None or found.auto_pad != "SAME_LOWER":
            return
        if node.op_type != "MaxPool" and len(found.kernel) == 3:
            return
        padding = found.same_padding()
        if any(total is not None and total % 2 for total in padding):
            totals = ", ".join("?" if total is None else str(total) for total in padding)
            yield self.finding(
                f"pads {totals} with SAME_LOWER, which ATC takes for SAME_UPPER",
                view.label(node),
                remedy="conv-attrs",
            )

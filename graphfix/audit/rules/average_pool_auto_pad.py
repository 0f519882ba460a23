"""GF312: average pools over three dims with auto_pad."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.audit.windows import SAME, window
from graphfix.finding import Finding, Severity


class AveragePoolAutoPad(NodeRule):
    """An AveragePool or LpPool over three dims pads by ``auto_pad``.

    ATC makes it of AvgPool3D, to which the plugin gives ``pads`` and not ``auto_pad``: nothing is
    padded and the output is smaller. ``conv-attrs`` writes ``pads``. VALID pads nothing anyway.
    """

    id = "GF312"
    title = "auto_pad over three dims"
    severity = Severity.WRONG
    citation = "hicann/ops-nn: average_pool, lppool _onnx_plugin.cpp"
    covers = ("AveragePool/4",)
    op_types = ("AveragePool", "LpPool")

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """SAME in either form, unless it is known to pad nothing."""
        found = window(node, view)
        if found is None or found.auto_pad not in SAME or len(found.kernel) != 3:
            return
        if any(total != 0 for total in found.same_padding()):
            yield self.finding(
                f"has auto_pad {found.auto_pad} over three dims, which ATC ignores",
                view.label(node),
                remedy="conv-attrs",
            )

"""GF318: MaxPool with a window that is too large for the AI Core."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.audit.windows import too_large, window
from graphfix.finding import Finding, Severity
from graphfix.target import Profile


class LargeMaxPool(NodeRule):
    """A MaxPool has a window of more than 255 elements, or a stride over 63.

    ATC's plugin then makes it a MaxPool of the AI CPU between two transpositions, with a padding of
    -65504. A window as large as the input is a GlobalMaxPool; others can be smaller pools, one
    after the other. The Ascend 950 is not concerned.
    """

    id = "GF318"
    title = "large MaxPool"
    severity = Severity.SLOW
    citation = "hicann/ops-nn: max_pool_onnx_plugin.cpp, GenAicpuOp"
    covers = ("MaxPool/4",)
    op_types = ("MaxPool",)

    def applies(self, profile: Profile) -> bool:
        """All SoCs but the Ascend 950."""
        return profile.soc.name != "Ascend950"

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """Over one or two dims."""
        found = window(node, view)
        reasons = None if found is None else too_large(found)
        if found is not None and reasons:
            yield self.finding(
                f"has {reasons}, too large for the AI Core",
                view.label(node),
                remedy="pool-split",
            )

"""GF265: negative indices of Gather on old releases."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.reading import constant_ints
from graphfix.audit.releases import between
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.target import Evidence, Profile


class GatherNegativeIndices(NodeRule):
    """CANN 5.1 and 6.0 gather something else for a negative index.

    ONNX counts it from the end. The plugin of 8.5 and later tells GatherV2 so
    (``negative_index_support``), that of 2022 does not; nobody knows about 7.0 and 8.0.
    ``gather-negative`` adds the size of the axis where it is known.
    """

    id = "GF265"
    title = "negative indices of Gather"
    severity = Severity.WRONG
    citation = "canndev 2022-06-30: gather_plugin.cc"
    covers = ("Gather/1",)
    op_types = ("Gather",)

    def applies(self, profile: Profile) -> bool:
        """Before the sources that know better."""
        return between(profile, "5.1", "8.0")

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """A constant index is negative."""
        lowest = min(constant_ints(view.input(node, 1), view) or (0,))
        if lowest >= 0:
            return
        known = between(view.profile, "5.1", "6.0")
        release = f"CANN {view.profile.cann} does" if known else "CANN 6.0 did"
        yield self.finding(
            f"gathers index {lowest}, which {release} not count from the end",
            view.label(node),
            remedy="gather-negative",
            severity=Severity.WRONG if known else Severity.INFO,
            evidence=Evidence.SOURCE if known else Evidence.INFERENCE,
        )

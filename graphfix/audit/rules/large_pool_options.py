"""GF319: what large pools lose on the AI CPU."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.reading import integer
from graphfix.audit.releases import between
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.audit.windows import SAME, Window, too_large, window
from graphfix.finding import Finding, Severity
from graphfix.target import Profile


class LargePoolOptions(NodeRule):
    """A pool that is too large for the AI Core has options that the AI CPU's form does not take.

    ATC's plugin replaces it by a VALID pool behind a Pad. ``ceil_mode`` is gone, so the last row
    and column can be missing; ``auto_pad`` is gone, so nothing is padded; and AveragePool counts
    the zeros of the padding (CANN 5.1 and 6.0, whose source is known). Split the pool, or write
    ``pads`` that make the sizes even.
    """

    id = "GF319"
    title = "options of large pools"
    severity = Severity.WRONG
    citation = "hicann/ops-nn: max_pool_onnx_plugin.cpp; canndev 2022-06-30: average_pool_plugin.cc"
    covers = ("MaxPool/4", "AveragePool/5")
    op_types = ("MaxPool", "AveragePool")

    def applies(self, profile: Profile) -> bool:
        """All SoCs but the Ascend 950."""
        return profile.soc.name != "Ascend950"

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """Only what changes the result: unknown sizes are no finding."""
        found = window(node, view)
        if found is None or not too_large(found):
            return
        average = node.op_type == "AveragePool"
        if average and not between(view.profile, "5.1", "6.0"):
            return
        for lost in _lost(node, found, average=average):
            yield self.finding(
                f"is too large for the AI Core, and its form for the AI CPU {lost}",
                view.label(node),
                remedy="conv-attrs" if "auto_pad" in lost else "pool-split",
            )


def _lost(node: ir.Node, found: Window, *, average: bool) -> Iterator[str]:
    if found.auto_pad in SAME and any(found.same_padding()):
        yield f"ignores auto_pad {found.auto_pad}"
    rounds_up = integer(node, "ceil_mode", 0)
    if rounds_up and found.auto_pad == "NOTSET" and found.rounding_matters():
        yield "ignores ceil_mode"
    counted = integer(node, "count_include_pad", 0)
    if average and not counted and any((*found.begins, *found.ends)):
        yield "counts the padding"

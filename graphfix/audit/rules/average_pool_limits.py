"""GF313: AveragePool with a window that is too large for the AI Core."""

from collections.abc import Iterator
from math import prod

import onnx_ir as ir

from graphfix.audit.releases import between
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.audit.windows import window
from graphfix.finding import Finding, Severity
from graphfix.target import Evidence


class AveragePoolLimits(NodeRule):
    """An AveragePool has a side over 255, a window of more than 256 elements, or a stride over 63.

    The AI Core's kernel takes no larger ones, so it runs on the AI CPU; the source of CANN 5.1 and
    6.0 draws the line at 255 elements. A window as large as the input is a GlobalAveragePool;
    others can be smaller pools, one after the other.
    """

    id = "GF313"
    title = "large AveragePool"
    severity = Severity.SLOW
    evidence = Evidence.DOC
    citation = "documentation of ATC: AveragePool; canndev 2022-06-30: average_pool_plugin.cc"
    covers = ("AveragePool/3",)
    op_types = ("AveragePool",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """Over one or two dims."""
        found = window(node, view)
        if found is None or len(found.kernel) > 2:
            return
        kernel = " x ".join(map(str, found.kernel))
        most = 255 if between(view.profile, "5.1", "6.0") else 256
        too_large = []
        if max(found.kernel) > 255 or prod(found.kernel) > most:
            too_large.append(f"a window of {kernel}")
        if max(found.strides) > 63:
            too_large.append(f"a stride of {max(found.strides)}")
        if too_large:
            yield self.finding(
                f"has {' and '.join(too_large)}, too large for the AI Core",
                view.label(node),
                remedy="pool-split",
            )

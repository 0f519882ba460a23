"""GF208: nearest Resize of batch or channels."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.resizing import resizing
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity


class ResizeBatchChannels(NodeRule):
    """Nearest Resize loses the factors of the first two dims.

    ATC takes height and width out of the four sizes and leaves batch and channels as they are. The
    output is smaller or larger than the model says. Repeat batch and channels with operators that
    ATC takes: Gather with constant indices, or Expand between two Reshapes.
    """

    id = "GF208"
    title = "nearest Resize of batch or channels"
    severity = Severity.WRONG
    citation = "hicann/ops-nn: resize_onnx_plugin.cpp, CreateSliceForResize"
    covers = ("Resize/10",)
    op_types = ("Resize",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """One of the first two of four dims is known to change."""
        what = resizing(node, view)
        if what.mode != "nearest" or len(what.axes) != 4:
            return
        lost = [axis for axis in what.axes[:2] if axis.factor is not None and not axis.same]
        if lost:
            yield self.finding(
                f"resizes {' and '.join(map(str, lost))}, and ATC leaves batch and channels alone",
                view.label(node),
                remedy=what.remedy,
                advice="" if what.remedy else "repeat them with Gather and constant indices",
            )

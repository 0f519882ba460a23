"""GF275: RoiAlign that takes the maximum."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.reading import text
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity


class RoiAlignMode(NodeRule):
    """A RoiAlign with ``mode=max`` is averaged.

    ATC does not read the mode, and its ROIAlign averages. There is no other operator for it: train
    or export with the average, or end the model in front of it.
    """

    id = "GF275"
    title = "RoiAlign with mode=max"
    severity = Severity.WRONG
    citation = "hicann/ops-cv: roi_align_onnx_plugin.cpp"
    covers = ("RoiAlign/1",)
    op_types = ("RoiAlign",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """The attribute is not avg."""
        mode = text(node, "mode", "avg")
        if mode != "avg":
            yield self.finding(
                f"has mode={mode}, and ATC averages",
                view.label(node),
                advice="train with the average, or end the model before it with out-nodes",
            )

"""GF266: GatherND with batch dims."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.reading import integer
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity


class GatherNdBatch(NodeRule):
    """GatherND with ``batch_dims`` stops the conversion ("only support batch_dims=0").

    ``gather-nd`` puts the number of the batch in front of each index. Or flatten batch and axis
    into one dim and use Gather.
    """

    id = "GF266"
    title = "GatherND with batch_dims"
    severity = Severity.ERROR
    citation = "hicann/ops-nn: gather_nd_onnx_plugin.cpp"
    covers = ("GatherND/1",)
    op_types = ("GatherND",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """The attribute is not 0."""
        dims = integer(node, "batch_dims", 0)
        if dims:
            yield self.finding(
                f"has batch_dims={dims}, and ATC takes 0",
                view.label(node),
                remedy="gather-nd",
            )

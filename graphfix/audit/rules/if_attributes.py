"""GF260: If with attributes of its own."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity


class IfAttributes(NodeRule):
    """An If must have exactly two attributes, then_branch and else_branch.

    ATC counts them and stops at any other number. Tools that leave notes at nodes add more; a file
    that lost a branch has fewer.
    """

    id = "GF260"
    title = "If with other than two attributes"
    severity = Severity.ERROR
    citation = "hicann/ge: parser/parser/onnx/subgraph_adapter/if_subgraph_adapter.cc"
    covers = ("If/1", "C2")
    op_types = ("If",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """Their number."""
        if len(node.attributes) != 2:
            yield self.finding(
                f"has {len(node.attributes)} attributes ({', '.join(node.attributes)}), and ATC "
                "wants then_branch and else_branch alone",
                view.label(node),
                advice="remove the others from the file",
            )

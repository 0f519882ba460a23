"""GF111: nodes without a name."""

from collections.abc import Iterator

from graphfix.audit.rule import Rule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity


class UnnamedNodes(Rule):
    """Nodes have no name, so that nothing can point at them.

    ATC calls the k-th unnamed node ``<operator>_<k>``. Its logs, ``--out_nodes``, ``--keep_dtype``
    and the precision files then hold names that no other tool shows, and that move when the model
    changes. ``names`` names every node after what it makes.
    """

    id = "GF111"
    title = "nodes without a name"
    severity = Severity.INFO
    citation = "hicann/ge: parser/parser/onnx/onnx_parser.cc, UpdateNodeNameAndOpType"
    covers = ("N2",)

    def check(self, view: View) -> Iterator[Finding]:
        """All of them at once."""
        nodes = [node for node in view.nodes if not node.name]
        if nodes:
            yield self.finding(
                f"{len(nodes)} of {len(view.nodes)} nodes have no name",
                *view.labels(nodes),
                remedy="names",
            )

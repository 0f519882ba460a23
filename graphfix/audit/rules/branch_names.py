"""GF153: one name, read in one branch and made in the other."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.rewrite.subgraphs import subgraphs_of_node


class BranchNames(NodeRule):
    """A name is read from outside in one branch of an If, and made inside the other.

    Both branches get all inputs that either reads, by name. The branch that makes the value itself
    then has an input and a node output of one name, and which of them its nodes read is open.
    ``names`` renames the inner one.
    """

    id = "GF153"
    title = "names that differ by branch"
    severity = Severity.WRONG
    citation = "hicann/ge: parser/parser/onnx/subgraph_adapter/if_subgraph_adapter.cc"
    covers = ("C5", "C2")
    op_types = ("If",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """Names of one branch against those of the other."""
        reads: list[set[str]] = []
        makes: list[set[str]] = []
        for graph in subgraphs_of_node(node):
            made = {value for each in graph for value in each.outputs}
            made.update(graph.initializers.values())
            read = {value for each in graph for value in each.inputs if value is not None}
            reads.append({value.name or "" for value in read - made})
            makes.append({value.name or "" for each in graph for value in each.outputs})
        for index, names in enumerate(reads):
            for other, inside in enumerate(makes):
                both = sorted(names & inside - {""}) if other != index else []
                if both:
                    yield self.finding(
                        f"{', '.join(both)}: read from outside in one branch, made in the other",
                        view.label(node),
                        remedy="names",
                    )

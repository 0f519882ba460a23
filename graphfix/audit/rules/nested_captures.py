"""GF152: what only an inner If reads from outside the outer one."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.rewrite.subgraphs import inner_inputs, inner_nodes, subgraphs_of_node
from graphfix.target import Evidence


class NestedCaptures(NodeRule):
    """An If inside a branch reads a value from outside the outer If.

    The parser collects what a branch reads from the inputs of its nodes, before it looks into an If
    inside it. A value that only the inner If reads is not handed in and stays unconnected. An
    Identity in the outer branch hands it in.
    """

    id = "GF152"
    title = "captures through two Ifs"
    severity = Severity.ERROR
    evidence = Evidence.INFERENCE
    citation = "hicann/ge: parser/parser/onnx/subgraph_adapter/if_subgraph_adapter.cc"
    covers = ("C4",)
    op_types = ("If",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """The branches that have an If, and what those read."""
        for graph in subgraphs_of_node(node):
            own = {value for each in graph for value in (*each.inputs, *each.outputs)}
            own.update(graph.initializers.values())
            for inner in (each for each in graph if each.op_type == "If"):
                made = {v for n in inner_nodes(inner) for v in n.outputs} | set(
                    _initializers(inner)
                )
                names = dict.fromkeys(
                    value.name
                    for value in inner_inputs(inner)
                    if value not in own and value not in made
                )
                if names:
                    yield self.finding(
                        f"reads {', '.join(map(str, names))} from outside {view.label(node)}",
                        view.label(inner),
                        advice="hand it in by an Identity in the branch around",
                    )


def _initializers(node: ir.Node) -> Iterator[ir.Value]:
    for graph in subgraphs_of_node(node):
        yield from graph.initializers.values()
        for inner in graph:
            yield from _initializers(inner)

"""Captures of nested branches: ATC looks for them one level deep only.

A value that only an If inside a branch reads is not handed to the outer If, and stays unconnected
(hicann/ge: parser/parser/onnx/subgraph_adapter/if_subgraph_adapter.cc reads the inputs of the nodes
of a branch, not of the branches in them). An Identity in the branch hands it on. That ATC then
connects it is inferred from the same source.
"""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.dialect.scope import Scope
from graphfix.rewrite.subgraphs import subgraphs_of_node


def lower(node: ir.Node, scope: Scope) -> None:
    """Hand what the branches of an If inside a branch read on to them."""
    graph = node.graph
    if node.op_type != "If" or graph is scope.model.graph or not isinstance(graph, ir.Graph):
        return
    direct = {value for other in graph for value in other.inputs if value is not None}
    own = _defined(graph) | direct
    for value in dict.fromkeys(read for _, _, read in _reads(node)):
        if value in own:
            continue
        rw = scope.at(node)
        handed = rw.op("Identity", value)
        handed.type, handed.shape = value.type, value.shape
        for inner, index, read in tuple(_reads(node)):
            if read is value:
                inner.replace_input_with(index, handed)
        rw.commit({})
        scope.journal.changed(node, f"{value.name!r} handed on to its branches by an Identity")


def _defined(graph: ir.Graph) -> set[ir.Value]:
    """Values of a graph itself."""
    values = {*graph.inputs, *graph.initializers.values()}
    return values.union(*(node.outputs for node in graph))


def _reads(node: ir.Node) -> Iterator[tuple[ir.Node, int, ir.Value]]:
    """Nodes inside the subgraphs of ``node`` that read a value from outside of these."""
    inner = [each for graph in subgraphs_of_node(node) for each in graph.all_nodes()]
    inside = {value for each in inner for value in each.outputs}
    for each in inner:
        for graph in (each.graph, *subgraphs_of_node(each)):
            if isinstance(graph, ir.Graph):
                inside.update(graph.inputs, graph.initializers.values())
    for each in inner:
        for index, value in enumerate(each.inputs):
            if value is not None and value not in inside:
                yield each, index, value

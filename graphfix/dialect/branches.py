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


def hand_on_captures(scope: Scope) -> None:
    """Let every branch read itself what the branches inside it read."""
    for node in scope.model.graph:
        for branch in subgraphs_of_node(node):
            _hand_on(branch, scope)


def _hand_on(branch: ir.Graph, scope: Scope) -> None:
    """From the inside out, as what is handed on is a read of the branch around."""
    nested = [node for node in branch if any(True for _ in subgraphs_of_node(node))]
    for node in nested:
        for inner in subgraphs_of_node(node):
            _hand_on(inner, scope)
    if not nested:
        return
    known = {value for node in branch for value in (*node.inputs, *node.outputs)}
    known.update(branch.inputs, branch.initializers.values())
    for node in nested:
        if node.op_type == "If":
            _hand_to(node, known, scope)


def _hand_to(node: ir.Node, known: set[ir.Value | None], scope: Scope) -> None:
    reads = [(inner, at, value) for inner, at, value in _captures(node) if value not in known]
    handed: dict[ir.Value, ir.Value] = {}
    for inner, at, value in reads:
        if value not in handed:
            rw = scope.at(node)
            handed[value] = rw.op("Identity", value)
            handed[value].type, handed[value].shape = value.type, value.shape
            inner.replace_input_with(at, handed[value])
            rw.commit({})
            scope.journal.changed(node, f"{value.name!r} handed on to its branches by an Identity")
        inner.replace_input_with(at, handed[value])


def _captures(node: ir.Node) -> Iterator[tuple[ir.Node, int, ir.Value]]:
    """The nodes inside ``node`` that read a value from outside of it, and at which input."""
    inner = [each for graph in subgraphs_of_node(node) for each in graph.all_nodes()]
    inside: set[ir.Value] = {value for each in inner for value in each.outputs}
    for each in (node, *inner):
        for graph in subgraphs_of_node(each):
            inside.update(graph.inputs, graph.initializers.values())
    for each in inner:
        for at, value in enumerate(each.inputs):
            if value is not None and value not in inside:
                yield each, at, value

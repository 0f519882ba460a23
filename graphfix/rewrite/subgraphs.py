"""Graphs inside nodes: the bodies of If, Loop and Scan, and the outer values they read."""

from collections.abc import Iterable, Iterator, Sequence

import onnx_ir as ir

from graphfix.rewrite.uses import let_go

_GRAPHS = (ir.AttributeType.GRAPH, ir.AttributeType.GRAPHS)
HOLDERS = frozenset({"If", "Loop", "Scan", "SequenceMap"})
"""The operators of ONNX that hold graphs; those of other domains may, too."""


def subgraphs_of(attribute: ir.Attr) -> Sequence[ir.Graph]:
    """The graphs an attribute holds: none, one or several."""
    if attribute.is_ref():
        return ()
    if attribute.type == ir.AttributeType.GRAPH:
        return (attribute.as_graph(),)
    if attribute.type == ir.AttributeType.GRAPHS:
        return tuple(attribute.as_graphs())
    return ()


def subgraphs_of_node(node: ir.Node) -> Sequence[ir.Graph]:
    """The graphs in the attributes of a node, without those inside them."""
    if node.op_type not in HOLDERS and node.domain == "":
        return ()  # all that most nodes cost
    found: tuple[ir.Graph, ...] = ()
    for attribute in node.attributes.data.values():  # the views of a UserDict are slow
        if attribute.type in _GRAPHS:
            found += tuple(subgraphs_of(attribute))
    return found


def inner_graphs(scope: ir.Graph | ir.Function) -> Iterator[ir.Graph]:
    """The graphs inside nodes of ``scope``, at any depth, outside in."""
    for node in scope:
        if node._op_type in HOLDERS or node._domain != "":  # the properties take most of the time
            for graph in subgraphs_of_node(node):
                yield graph
                yield from inner_graphs(graph)


def inner_nodes(node: ir.Node) -> Iterator[ir.Node]:
    """Every node inside the subgraphs of ``node``, at any depth."""
    for graph in subgraphs_of_node(node):
        yield from graph.all_nodes()


def inner_inputs(node: ir.Node) -> Iterator[ir.Value]:
    """What the subgraphs of ``node`` read: outer values they capture, and their own."""
    for graph in subgraphs_of_node(node):
        yield from graph.outputs
        for inner in graph.all_nodes():
            yield from (value for value in inner.inputs if value is not None)


def remove_nodes(scope: ir.Graph | ir.Function, nodes: Iterable[ir.Node]) -> None:
    """Remove nodes whose outputs nothing else reads; what their subgraphs capture is let go, too.

    Raises:
        ValueError: something outside ``nodes`` reads an output of them.
    """
    nodes = tuple(nodes)
    for node in nodes:
        for inner in inner_nodes(node):
            let_go(inner)
    scope.remove(nodes, safe=True)

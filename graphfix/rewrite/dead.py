"""What no output of a graph needs."""

import onnx_ir as ir

from graphfix.rewrite.rewriter import Scope
from graphfix.rewrite.subgraphs import inner_inputs, remove_nodes
from graphfix.rewrite.uses import is_needed


def remove_dead_nodes(scope: Scope) -> tuple[ir.Node, ...]:
    """Remove the nodes of ``scope`` that no output needs, and return them in graph order.

    What their subgraphs capture is let go. Nodes inside subgraphs of live nodes stay.
    """
    if all(any(map(is_needed, node.outputs)) for node in scope):
        return ()  # whatever is dead, something in it is read by nothing
    live: set[ir.Node] = set()
    queue = [value.producer() for value in scope.outputs]
    here = set(scope)
    while queue:
        node = queue.pop()
        if node is None or node in live or node not in here:
            continue
        live.add(node)
        read = (value for value in (*node.inputs, *inner_inputs(node)) if value is not None)
        queue.extend(value.producer() for value in read)
    dead = tuple(node for node in scope if node not in live)
    remove_nodes(scope, dead)
    return dead


def remove_dead_initializers(graph: ir.Graph) -> tuple[str, ...]:
    """Remove the initializers that nothing reads, and return their names; inputs stay."""
    dead = tuple(
        name
        for name, value in graph.initializers.data.items()  # the views of a UserDict are slow
        if not (is_needed(value) or value.is_graph_input())
    )
    for name in dead:
        del graph.initializers[name]
    return dead


def unread_inputs(graph: ir.Graph) -> tuple[ir.Value, ...]:
    """The inputs that nothing reads, and that are no outputs."""
    return tuple(value for value in graph.inputs if not is_needed(value))


def remove_unread_inputs(graph: ir.Graph) -> tuple[str, ...]:
    """Remove the inputs that nothing reads, with their initializers, and return their names."""
    dead = unread_inputs(graph)
    for value in dead:
        graph.inputs.remove(value)
        graph.initializers.pop(value.name or "", None)
    return tuple(value.name or "" for value in dead)

"""Is the graph a pass left valid? Asked before any number is computed."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

import onnx
import onnx_ir as ir

from graphfix.errors import ModelError, StructureError
from graphfix.model import check, to_proto
from graphfix.rewrite import node_label, scopes

_NODE_NAME = re.compile(r", node name: [^)]*")
"""How onnx's inference names a node, if it has a name."""


def structure(model: ir.Model, *, known: Iterable[str] = ()) -> None:
    """Check that ``model`` is valid: ONNX's checker, order and names of values, node names, types.

    The checker and the inference of types see no large weights. ``known`` are problems the model
    had before (see :func:`problems`), for which no pass is to blame; the node may have another
    name now.

    Raises:
        StructureError: a problem that is not in ``known``; the message names the node or value.
    """
    old = {_NODE_NAME.sub("", problem) for problem in known}
    for problem in problems(model):
        if _NODE_NAME.sub("", problem) not in old:
            raise StructureError(problem)


def problems(model: ir.Model) -> tuple[str, ...]:
    """Everything that is wrong with the structure of ``model``, in one sentence each."""
    found = [*_names(model), *_order(model)]
    if found:
        return tuple(found)  # the checker would say the same, less clearly
    try:
        check(model)
    except ModelError as error:
        return (_line(error),)
    return tuple(_types(model))


def _names(model: ir.Model) -> Iterator[str]:
    for kind, values in (("input", model.graph.inputs), ("output", model.graph.outputs)):
        counts = Counter(value.name for value in values)
        yield from (f"two graph {kind}s are called {name!r}" for name, n in counts.items() if n > 1)
    for scope in scopes(model):
        counts = Counter(node.name for node in scope if node.name)
        yield from (f"two nodes are called {name!r}" for name, n in counts.items() if n > 1)


def _order(model: ir.Model) -> Iterator[str]:
    """Every value a node reads is made before it, here or in an enclosing graph."""
    yield from _scope_order(model.graph, set(), "")
    for function in model.functions.values():
        yield from _scope_order(function, set(), f" in function {function.name!r}")


def _scope_order(scope: ir.Graph | ir.Function, known: set[int], where: str) -> Iterator[str]:
    """``known`` are the values visible so far; it is the same again when this returns."""
    here = [id(value) for value in scope.inputs]
    if isinstance(scope, ir.Graph):
        here += [id(value) for value in scope.initializers.values()]
    known.update(here)
    for node in scope:
        for value in node.inputs:
            if value is not None and id(value) not in known:
                yield (
                    f"node {node_label(node)!r}{where} reads {value.name!r}, which nothing before "
                    "it makes"
                )
        for graph in _subgraphs(node):
            yield from _scope_order(graph, known, f" inside {node_label(node)!r}")
        made = [id(value) for value in node.outputs]
        known.update(made)
        here += made
    for value in scope.outputs:
        if id(value) not in known:
            yield f"output {value.name!r}{where} is made by nothing"
    known.difference_update(here)


def _subgraphs(node: ir.Node) -> Iterator[ir.Graph]:
    for attribute in node.attributes.values():
        if attribute.is_ref():
            continue
        if attribute.type == ir.AttributeType.GRAPH:
            yield attribute.as_graph()
        elif attribute.type == ir.AttributeType.GRAPHS:
            yield from attribute.as_graphs()


def _types(model: ir.Model) -> Iterator[str]:
    try:
        onnx.shape_inference.infer_shapes(
            to_proto(model, weights=False), check_type=True, strict_mode=True, data_prop=True
        )
    except onnx.shape_inference.InferenceError as error:
        yield f"types or shapes contradict each other: {_line(error)}"


def _line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).strip().splitlines() if line.strip()]
    return " ".join(lines)[:500] or type(error).__name__

"""Cut some nodes out of a model: what they read becomes inputs or constants with real values."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir
from onnx_ir import convenience

from graphfix.reduction.case import Case
from graphfix.rewrite.subgraphs import inner_inputs, remove_nodes

Values = Callable[[Sequence[str]], Mapping[str, Any] | None]
"""Computes values of the model on the feed; ``None`` when it does not run."""

_SMALL = 64
"""Integers of this many elements at most become constants: they are shapes, axes and sizes."""


class Cutter:
    """Builds smaller models out of the nodes of one main graph, known by their position."""

    def __init__(self, case: Case, values: Values) -> None:
        self.case = case
        self._values = values
        self._known: dict[str, Any] = {}
        self.count = len(case.model.graph)

    def makers(self, names: Collection[str]) -> frozenset[int]:
        """The nodes that make these values."""
        return frozenset(
            k
            for k, node in enumerate(self.case.model.graph)
            if any(out.name in names for out in node.outputs)
        )

    def around(self, start: Collection[int], distance: int) -> frozenset[int]:
        """The nodes at most so many steps from ``start``, along and against the data."""
        nodes = list(self.case.model.graph)
        place = {id(node): k for k, node in enumerate(nodes)}
        found, edge = set(start), set(start)
        for _ in range(distance):
            near: set[int] = set()
            for k in edge:
                above = (value.producer() for value in _reads(nodes[k]))
                below = (use.node for out in nodes[k].outputs for use in out.uses())
                near |= {place[id(n)] for n in (*above, *below) if n is not None and id(n) in place}
            edge = near - found
            found |= near
        return frozenset(found)

    def cut(self, keep: Collection[int], *, constants: bool) -> Case | None:
        """The model that has only the nodes ``keep``; ``None`` when its border has no types.

        Values on the border become graph inputs; with ``constants``, small integers and what
        depends on no input become initializers. Outputs are the graph outputs among what is kept,
        and what no kept node reads.
        """
        model = self.case.model.clone()
        graph = model.graph
        nodes = list(graph)
        wanted = {id(value) for k in keep for value in _reads(nodes[k])}
        kept = [
            node
            for k, node in enumerate(nodes)
            if k in keep and (node.inputs or any(id(out) in wanted for out in node.outputs))
        ]
        left = {id(node) for node in kept}
        dropped = [node for node in nodes if id(node) not in left]
        made = {id(out) for node in kept for out in node.outputs}
        lost = {id(out) for node in dropped for out in node.outputs}
        read = {id(value): value for node in kept for value in _reads(node)}
        border = [value for key, value in read.items() if key in lost]
        feed = self._feed(border)
        if border and self.case.feed is not None and feed is None:
            return None
        for value in border:
            new = _stand_in(value, feed, constants=constants)
            if new is None:
                return None
            convenience.replace_all_uses_with(value, new)
            if new.const_value is not None:
                graph.register_initializer(new)
            else:
                graph.inputs.append(new)
        if not _set_outputs(graph, kept, made, set(read), self._types(kept)):
            return None
        for value in border:
            value.name = f"{value.name}/cut"
        remove_nodes(graph, dropped)
        drop_unread(model)
        return Case(model, self._remaining(model, feed))

    def _feed(self, border: Sequence[ir.Value]) -> dict[str, Any] | None:
        if self.case.feed is None:
            return None
        names = [value.name or "" for value in border]
        if not self._know(names):
            return None
        return {**self.case.feed, **{name: self._known[name] for name in names}}

    def _know(self, names: Sequence[str]) -> bool:
        missing = [name for name in names if name not in self._known]
        if missing:
            found = self._values(missing)
            if found is None:
                return False
            self._known.update(found)
        return True

    def _types(self, kept: Sequence[ir.Node]) -> Mapping[str, Any]:
        """Real values for outputs whose type is not known otherwise."""
        untyped = [o.name or "" for node in kept for o in node.outputs if o.name and o.type is None]
        if self.case.feed is None or not untyped or not self._know(untyped):
            return {}
        return self._known

    def _remaining(self, model: ir.Model, feed: Mapping[str, Any] | None) -> dict[str, Any] | None:
        if feed is None:
            return None
        names = {value.name for value in model.graph.inputs}
        return {name: array for name, array in feed.items() if name in names}


def drop_unread(model: ir.Model) -> None:
    """Remove inputs, initializers and functions that nothing reads."""
    graph = model.graph
    for name, value in tuple(graph.initializers.items()):
        if not value.uses() and not value.is_graph_output():
            if value.is_graph_input():
                graph.inputs.remove(value)
            del graph.initializers[name]
    for value in tuple(graph.inputs):
        if not value.uses() and not value.is_graph_output():
            graph.inputs.remove(value)
    called = {node.op_identifier() for node in _all_nodes(model)}
    for key in tuple(model.functions):
        if key not in called:
            del model.functions[key]


def _all_nodes(model: ir.Model) -> Iterator[ir.Node]:
    yield from model.graph.all_nodes()
    for function in model.functions.values():
        yield from function.all_nodes()


def _reads(node: ir.Node) -> Iterator[ir.Value]:
    for value in (*node.inputs, *inner_inputs(node)):
        if value is not None:
            yield value


def _stand_in(
    value: ir.Value, feed: Mapping[str, Any] | None, *, constants: bool
) -> ir.Value | None:
    """An input or initializer with the name, type and real shape of ``value``."""
    array = None if feed is None else feed[value.name or ""]
    new = ir.Value(name=value.name, type=value.type, shape=value.shape)
    if isinstance(array, np.ndarray) and array.dtype.kind not in "OUSV":
        new.type = value.type or ir.TensorType(ir.DataType.from_numpy(array.dtype))
        new.shape = ir.Shape(array.shape)
        if constants and _is_shape_like(value, array):
            new.const_value = ir.tensor(array, name=value.name)
        return new
    return new if new.type is not None and (new.shape is not None or array is not None) else None


def _is_shape_like(value: ir.Value, array: np.ndarray[Any, Any]) -> bool:
    producer = value.producer()
    if producer is not None and producer.op_type == "Constant":
        return True
    return array.dtype.kind in "iub" and array.size <= _SMALL and array.ndim <= 1


def _set_outputs(
    graph: ir.Graph,
    kept: Sequence[ir.Node],
    made: Collection[int],
    read: Collection[int],
    known: Mapping[str, Any],
) -> bool:
    outputs = [value for value in graph.outputs if id(value) in made]
    seen = {id(value) for value in outputs}
    for node in kept:
        leaves = [out for out in node.outputs if out.name and id(out) not in read]
        if len(leaves) < len([out for out in node.outputs if out.name]):
            continue
        for out in leaves[:1]:
            if id(out) not in seen:
                outputs.append(out)
                seen.add(id(out))
    for out in outputs:
        if out.type is None and isinstance(known.get(out.name or ""), np.ndarray):
            out.type = ir.TensorType(ir.DataType.from_numpy(known[out.name or ""].dtype))
        if out.type is None:
            return False
    graph.outputs[:] = outputs
    return bool(outputs)


def keep_outputs(case: Case, names: Collection[str]) -> Case:
    """The same model with only some of its outputs; what only the others needed goes."""
    model = case.model.clone()
    graph = model.graph
    graph.outputs[:] = [value for value in graph.outputs if value.name in names]
    while True:
        dead = [
            node
            for node in graph
            if not any(out.uses() or out.is_graph_output() for out in node.outputs)
        ]
        if not dead:
            break
        remove_nodes(graph, dead)
    drop_unread(model)
    inputs = {value.name for value in graph.inputs}
    feed = None if case.feed is None else {k: v for k, v in case.feed.items() if k in inputs}
    return Case(model, feed)

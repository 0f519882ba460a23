"""Take over what a foreign tool changed in a model, and put back what it dropped on the way.

Tools with a graph of their own (onnxsim, onnx-graphsurgeon) return a new model that has lost
metadata, doc strings, quantization annotations, symbolic shapes, functions, and attributes they do
not know. Nodes and values are recognised by the names of values, which such tools keep for what
they do not touch.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx_ir as ir

from graphfix.rewrite.records import Rewrite
from graphfix.rewrite.rewriter import node_label
from graphfix.rewrite.subgraphs import subgraphs_of

_Outputs = tuple[str | None, ...]


@dataclass(frozen=True)
class Restored:
    """What a foreign tool made of a model.

    ``model`` is the model before itself when the tool changed no node, input or output.
    """

    model: ir.Model
    rewrites: tuple[Rewrite, ...]


def restore(
    before: ir.Model,
    after: ir.Model,
    *,
    unedited: ir.Model | None = None,
    reshaped: bool = False,
) -> Restored:
    """Complete ``after``, in place, by what it shares with ``before``; say what is different.

    ``unedited`` is ``before`` as the tool returns it when it does nothing: what differs between
    ``unedited`` and ``after`` was changed on purpose, and what differs between ``before`` and
    ``unedited`` was lost on the way. Without it, what differs was changed on purpose.

    A value of both models gets the type it had before, and the more specific dims of the two
    shapes; with ``reshaped`` the dims of ``after`` win where both are fixed (the tool was told
    other input shapes). With ``unedited``, a shape that was changed on purpose stays.
    """
    comparison = _Comparison(reshaped, unedited is not None)
    _restore_model(before, after, unedited)
    comparison.graph(before.graph, after.graph, (unedited or before).graph)
    rewrites = _observe(before.graph, after.graph, comparison)
    if rewrites or reshaped or _interface((unedited or before).graph) != _interface(after.graph):
        return Restored(after, rewrites)
    if comparison.redeclared:
        return Restored(after, (_redeclaration(comparison.redeclared),))
    return Restored(before, ())


def same_tensor(a: ir.TensorProtocol | None, b: ir.TensorProtocol | None) -> bool:
    """Whether two tensors hold the same bits in the same shape and dtype; names do not matter."""
    if a is b:
        return True
    if a is None or b is None or a.dtype != b.dtype or tuple(a.shape) != tuple(b.shape):
        return False
    if a.dtype == ir.DataType.STRING:
        return bool((a.numpy() == b.numpy()).all())
    return bool(np.array_equal(_bits(a), _bits(b)))


def _bits(tensor: ir.TensorProtocol) -> np.ndarray:
    """The bytes of a tensor, without a copy where it is mapped from a file."""
    return np.ascontiguousarray(tensor.numpy()).reshape(-1).view(np.uint8)


def map_tensors(
    scope: ir.Graph | ir.Function,
    change: Callable[[ir.TensorProtocol], ir.TensorProtocol],
) -> None:
    """Put ``change(tensor)`` in place of every initializer and tensor attribute, subgraphs too."""
    if isinstance(scope, ir.Graph):
        for value in scope.initializers.values():
            if value.const_value is not None:
                value.const_value = change(value.const_value)
    for node in scope:
        for attribute in tuple(node.attributes.values()):
            for inner in subgraphs_of(attribute):
                map_tensors(inner, change)
            if attribute.type != ir.AttributeType.TENSOR or attribute.is_ref():
                continue
            old = attribute.as_tensor()
            new = change(old)
            if new is not old:
                doc = attribute.doc_string
                node.attributes.add(ir.AttrTensor(attribute.name, new, doc_string=doc))


@dataclass
class _Comparison:
    """Walks the graphs of the three models side by side."""

    reshaped: bool
    on_purpose: bool
    same: set[ir.Node] = field(default_factory=set)
    """Nodes after that are as they were before."""
    rewired: set[ir.Node] = field(default_factory=set)
    """Nodes after that only read other values than before."""
    reweighed: set[str] = field(default_factory=set)
    """Initializers of both models that hold other numbers."""
    redeclared: list[str] = field(default_factory=list)
    """Nodes with another name, and values with another type or shape, on purpose."""

    def graph(self, before: ir.Graph, after: ir.Graph, unedited: ir.Graph) -> bool:
        """Restore one graph; whether it is the same as before."""
        after.name, after.doc_string = before.name, before.doc_string
        after.metadata_props.update(before.metadata_props)
        after.meta.update(before.meta)
        self._values(before, after, unedited)
        same = _interface(unedited) == _interface(after)
        twins, bases = _Nodes(before), _Nodes(unedited)
        for node in after:
            twin, base = twins.like(node), bases.like(node)
            if twin is not None and base is not None:
                same = self._node(twin, node, base) and same
                continue
            same = False
        return same and len(before) == len(after)

    def _node(self, before: ir.Node, after: ir.Node, base: ir.Node) -> bool:
        if not self.on_purpose or after.name == base.name:
            after.name = before.name
        else:
            self.redeclared.append(after.name or "")
        after.overload = before.overload
        after.doc_string = before.doc_string
        after.metadata_props.update(before.metadata_props)
        after.meta.update(before.meta)
        lost = [name for name in before.attributes if name not in base.attributes]
        same = {*after.attributes} == {*base.attributes}
        for name in (*after.attributes, *lost):
            old, new, seen = (n.attributes.get(name) for n in (before, after, base))
            if old is None:
                same = False
            elif new is None or seen is None:
                after.attributes.add(old)
            elif not self._attribute(old, new, seen):
                same = False
            elif not subgraphs_of(new):
                after.attributes.add(old)
        if not same or _outputs(after) != _outputs(base):
            return False
        names = _names(after.inputs)
        if names != _names(base.inputs) or not self.reweighed.isdisjoint(names):
            self.rewired.add(after)
            return False
        self.same.add(after)
        return True

    def _attribute(self, old: ir.Attr, new: ir.Attr, seen: ir.Attr) -> bool:
        """Restore the graphs in an attribute; whether it is the same as before."""
        graphs = [subgraphs_of(attribute) for attribute in (old, new, seen)]
        if not graphs[1]:
            return _same_attribute(new, seen)
        if len({len(items) for items in graphs}) != 1:
            return False
        # Not all(...) over a generator: a graph behind one that has changed is restored, too.
        return False not in [self.graph(*items) for items in zip(*graphs, strict=True)]

    def _values(self, before: ir.Graph, after: ir.Graph, unedited: ir.Graph) -> None:
        old_values, seen_values = _values_of(before), _values_of(unedited)
        for name, value in _values_of(after).items():
            old, seen = old_values.get(name), seen_values.get(name)
            if old is None or seen is None:
                continue
            value.doc_string = old.doc_string
            value.metadata_props.update(old.metadata_props)
            value.meta.update(old.meta)
            if self.on_purpose and (value.type, value.shape) != (seen.type, seen.shape):
                self.redeclared.append(name)
            if value.type is None or value.type == seen.type:
                value.type = old.type
            value.shape = self._shape(value, old, seen)
            if not value.is_initializer() or not old.is_initializer():
                continue
            if same_tensor(value.const_value, seen.const_value):
                value.const_value = old.const_value
            else:
                self.reweighed.add(name)

    def _shape(self, value: ir.Value, old: ir.Value, seen: ir.Value) -> ir.Shape | None:
        if not self.on_purpose:
            return _merged(old.shape, value.shape, prefer_new=self.reshaped)
        shape = old.shape if value.shape is None or value.shape == seen.shape else value.shape
        return ir.Shape(shape) if shape is not None else None


def _restore_model(before: ir.Model, after: ir.Model, unedited: ir.Model | None) -> None:
    after.ir_version = max(before.ir_version, after.ir_version)
    after.producer_name, after.producer_version = before.producer_name, before.producer_version
    after.domain, after.model_version = before.domain, before.model_version
    after.doc_string = before.doc_string
    after.metadata_props.clear()
    after.metadata_props.update(before.metadata_props)
    after.meta.update(before.meta)
    for domain, version in before.graph.opset_imports.items():
        after.graph.opset_imports.setdefault(domain, version)
    for key, function in before.functions.items():
        if unedited is None or _same_function(after.functions.get(key), unedited.functions[key]):
            after.functions[key] = function.clone()


def _same_function(a: ir.Function | None, b: ir.Function) -> bool:
    def content(function: ir.Function) -> bytes:
        return bytes(ir.to_proto(function).SerializeToString(deterministic=True))

    return a is not None and content(a) == content(b)


class _Nodes:
    """The nodes of one graph, to be found again."""

    def __init__(self, graph: ir.Graph) -> None:
        self._by_outputs = {_outputs(node): node for node in graph}
        self._by_name: dict[str, ir.Node | None] = {}
        for node in graph:
            if node.name:
                self._by_name[node.name] = None if node.name in self._by_name else node

    def like(self, node: ir.Node) -> ir.Node | None:
        """The node with the same operator and the same outputs or, failing that, name."""
        for found in (self._by_outputs.get(_outputs(node)), self._by_name.get(node.name or "")):
            if found is not None and _same_operator(found, node):
                return found
        return None


def _same_operator(a: ir.Node, b: ir.Node) -> bool:
    return a.op_type == b.op_type and (a.domain or "ai.onnx") == (b.domain or "ai.onnx")


def _same_attribute(a: ir.Attr, b: ir.Attr) -> bool:
    if a.type != b.type or a.ref_attr_name != b.ref_attr_name:
        return False
    if a.is_ref():
        return True
    if a.type == ir.AttributeType.TENSOR:
        return same_tensor(a.as_tensor(), b.as_tensor())
    if a.type == ir.AttributeType.TENSORS:
        left, right = a.as_tensors(), b.as_tensors()
        return len(left) == len(right) and all(map(same_tensor, left, right))
    # NaN in an attribute is the same as itself.
    return bool(a.value == b.value) or repr(a.value) == repr(b.value)


def _merged(old: ir.Shape | None, new: ir.Shape | None, *, prefer_new: bool) -> ir.Shape | None:
    """The more specific of two shapes, dim by dim."""
    if old is None or (prefer_new and new is not None and len(old) != len(new)):
        return new
    if new is None or len(old) != len(new):
        copied: ir.Shape = old.copy()
        return copied
    first, second = (new, old) if prefer_new else (old, new)
    dims = [
        a if isinstance(a, int) else b if isinstance(b, int) else c
        for a, b, c in zip(first, second, old, strict=True)
    ]
    merged = ir.Shape(dims)
    for axis in range(len(old)):
        merged.set_denotation(axis, old.get_denotation(axis))
    return merged


def _outputs(node: ir.Node) -> _Outputs:
    return tuple(value.name for value in node.outputs)


def _names(values: Iterable[ir.Value | None]) -> tuple[str, ...]:
    names = [value.name or "" if value is not None else "" for value in values]
    while names and not names[-1]:
        names.pop()  # absent optional inputs at the end
    return tuple(names)


def _interface(graph: ir.Graph) -> tuple[object, ...]:
    return _names(graph.inputs), _names(graph.outputs), frozenset(graph.initializers)


def _values_of(graph: ir.Graph) -> dict[str, ir.Value]:
    found = {value.name: value for value in graph.inputs if value.name}
    found.update({name: value for name, value in graph.initializers.items() if name not in found})
    for node in graph:
        found.update({value.name: value for value in node.outputs if value.name})
    return found


def _redeclaration(names: Sequence[str]) -> Rewrite:
    return Rewrite(
        node=names[0],
        op_type="",
        inputs=(),
        outputs=(),
        added=(),
        removed=(),
        note=f"name, type or shape changed: {', '.join(names)}",
    )


# What is different, as rewrites: connected regions of nodes that are not the same


def _observe(before: ir.Graph, after: ir.Graph, comparison: _Comparison) -> tuple[Rewrite, ...]:
    kept = {_outputs(node) for node in (*comparison.same, *comparison.rewired)}
    still = {_outputs(node) for node in comparison.same}
    removed = [node for node in before if _outputs(node) not in still]
    added = [node for node in after if node not in comparison.same]
    regions = _regions(removed, added)
    left = set(_values_of(after))
    return tuple(_rewrite(region, after, kept, left) for region in regions)


def _regions(
    removed: Sequence[ir.Node], added: Sequence[ir.Node]
) -> list[tuple[list[ir.Node], list[ir.Node]]]:
    """Group nodes that are joined by a value, on either side or across the change."""
    nodes = (*removed, *added)
    parent = list(range(len(nodes)))

    def root(k: int) -> int:
        while parent[k] != k:
            parent[k] = parent[parent[k]]
            k = parent[k]
        return k

    makers: dict[str, int] = {}
    for k, node in enumerate(nodes):
        for name in filter(None, _outputs(node)):
            parent[root(k)] = root(makers.setdefault(name, k))
    for k, node in enumerate(nodes):
        for name in filter(None, _names(node.inputs)):
            if name in makers:
                parent[root(k)] = root(makers[name])
    regions: dict[int, tuple[list[ir.Node], list[ir.Node]]] = {}
    for k, node in enumerate(nodes):
        regions.setdefault(root(k), ([], []))[k >= len(removed)].append(node)
    return list(regions.values())


def _rewrite(
    region: tuple[list[ir.Node], list[ir.Node]],
    after: ir.Graph,
    kept: set[_Outputs],
    left: set[str],
) -> Rewrite:
    removed, added = region
    anchor = next((node for node in (*removed, *added) if _outputs(node) not in kept), None)
    anchor = anchor or (*removed, *added)[0]
    inside = {name for node in added for name in _outputs(node)}
    inputs = dict.fromkeys(
        value.name or ""
        for node in added
        for value in node.inputs
        if value is not None and value.name not in inside and not value.is_initializer()
    )
    made = dict.fromkeys(name for node in removed for name in _outputs(node) if name in left)
    return Rewrite(
        node=node_label(anchor),
        op_type=anchor.op_type,
        inputs=tuple(inputs),
        outputs=tuple(name for name in made if name),
        added=tuple(node.name or "" for node in added if _outputs(node) not in kept),
        removed=tuple(node_label(node) for node in removed if _outputs(node) not in kept),
    )

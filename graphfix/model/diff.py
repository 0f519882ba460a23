"""The structural difference of two models, node by node."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import onnx_ir as ir

from graphfix.model.decode import QUANTIZATION, TRAINING
from graphfix.model.tensors import SparseTensor, content_sha256

_SHOWN: Final = 60
"""Longest text of an attribute in a line for people."""


@dataclass(frozen=True)
class Change:
    """One thing that is in one model only, or is not the same in both."""

    kind: str
    """``added``, ``removed`` or ``changed``."""
    what: str
    """``node``, ``initializer``, ``inputs``, ``outputs``, ``value``, ``function``, ``model``."""
    where: str
    """The graph: empty for the main graph, else the way to a subgraph or function."""
    name: str
    """The node with its operator, or the name of the value."""
    details: tuple[str, ...] = ()
    """``field: before -> after``; the signature of a node that was added or removed."""

    def line(self) -> str:
        """Return the change in one line."""
        sign = {"added": "+", "removed": "-", "changed": "~"}[self.kind]
        place = f"{self.where}: " if self.where else ""
        what = "" if self.what == "node" else f"{self.what} "
        details = f": {'; '.join(self.details)}" if self.details else ""
        return f"{sign} {place}{what}{self.name}{details}"


@dataclass(frozen=True)
class ModelDiff:
    """What differs between two models; the order of nodes does not count."""

    changes: tuple[Change, ...]

    @property
    def empty(self) -> bool:
        """Whether nothing differs."""
        return not self.changes

    def lines(self) -> tuple[str, ...]:
        """Return one line per change; changed types of intermediate values are only counted."""
        lines = [change.line() for change in self.changes if change.what != "value"]
        if values := sum(change.what == "value" for change in self.changes):
            lines.append(f"~ types, shapes or annotations of {values} intermediate values")
        return tuple(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return everything, ready for JSON, with the counts of ``kind what`` first."""
        counts = Counter(f"{change.kind} {change.what}" for change in self.changes)
        return {
            "empty": self.empty,
            "counts": dict(sorted(counts.items())),
            "changes": [
                {
                    "kind": change.kind,
                    "what": change.what,
                    "where": change.where,
                    "name": change.name,
                    "details": list(change.details),
                }
                for change in self.changes
            ],
        }


def diff(a: ir.Model, b: ir.Model) -> ModelDiff:
    """Return what differs from ``a`` (before) to ``b`` (after).

    Nodes are the same when operator and first output agree, else when operator and node name do.
    Weights are compared by content, wherever they are stored; only those that are not the same
    object in both are read.
    """
    changes: list[Change] = []
    _fields("model", "", "model", _model_facts(a), _model_facts(b), changes)
    _graph("", a.graph, a.graph, b.graph, b.graph, changes)
    for key in dict.fromkeys((*a.functions, *b.functions)):
        where = "function " + "::".join(part for part in key if part)
        before, after = a.functions.get(key), b.functions.get(key)
        if before is None or after is None:
            kind = "added" if before is None else "removed"
            changes.append(Change(kind, "function", "", where.removeprefix("function ")))
            continue
        _fields("function", where, "attributes", _attributes(before), _attributes(after), changes)
        _graph(where, before.graph, before, after.graph, after, changes)
    return ModelDiff(tuple(changes))


def _model_facts(model: ir.Model) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "ir_version": model.ir_version,
        "producer_name": model.producer_name or "",
        "producer_version": model.producer_version or "",
        "domain": model.domain or "",
        "model_version": model.model_version,
        "doc_string": model.doc_string or "",
        "training_info": tuple(model.graph.meta.get(TRAINING, ())),
        "device_configurations": tuple(model.device_configurations),
    }
    facts |= {f"metadata {key!r}": value for key, value in model.metadata_props.items()}
    return facts


def _graph(
    where: str,
    a: ir.Graph,
    a_nodes: Iterable[ir.Node],
    b: ir.Graph,
    b_nodes: Iterable[ir.Node],
    changes: list[Change],
) -> None:
    _fields("model", where, "graph", _graph_facts(a), _graph_facts(b), changes)
    for what, before, after in (("inputs", a.inputs, b.inputs), ("outputs", a.outputs, b.outputs)):
        old, new = [_signature(value) for value in before], [_signature(value) for value in after]
        if old != new:
            changes.append(
                Change("changed", what, where, f"({', '.join(old)}) -> ({', '.join(new)})")
            )
    for name in dict.fromkeys((*a.initializers, *b.initializers)):
        _initializer(where, name, a.initializers.get(name), b.initializers.get(name), changes)
    removed, added, pairs = _match(list(a_nodes), list(b_nodes))
    changes += [Change("removed", "node", where, _text(node), (_call(node),)) for node in removed]
    changes += [Change("added", "node", where, _text(node), (_call(node),)) for node in added]
    for before_node, after_node in pairs:
        _node(where, before_node, after_node, changes)


def _graph_facts(graph: ir.Graph) -> dict[str, Any]:
    facts: dict[str, Any] = {"name": graph.name or "", "doc_string": graph.doc_string or ""}
    facts |= {f"opset {key or 'ai.onnx'}": value for key, value in graph.opset_imports.items()}
    facts |= {f"metadata {key!r}": value for key, value in graph.metadata_props.items()}
    return facts


def _initializer(
    where: str, name: str, a: ir.Value | None, b: ir.Value | None, changes: list[Change]
) -> None:
    if a is None or b is None:
        there = b if a is None else a
        assert there is not None
        kind = "added" if a is None else "removed"
        changes.append(Change(kind, "initializer", where, _signature(there)))
        return
    old, new = _tensor(a.const_value), _tensor(b.const_value)
    details = [f"{old[0]} -> {new[0]}"] if old[0] != new[0] else []
    if old[0] == new[0] and not _same_numbers(a.const_value, b.const_value):
        details.append("other numbers")
    if details:
        changes.append(Change("changed", "initializer", where, name, tuple(details)))
    else:
        _value(where, a, b, changes)


def _match(
    a: Sequence[ir.Node], b: Sequence[ir.Node]
) -> tuple[list[ir.Node], list[ir.Node], list[tuple[ir.Node, ir.Node]]]:
    """Return the nodes of ``a`` without a partner, those of ``b``, and the pairs."""
    pairs: dict[ir.Node, ir.Node] = {}
    taken: set[ir.Node] = set()
    for key in (_by_output, _by_name):
        candidates = _unique(key, (node for node in b if node not in taken))
        for identity, node in _unique(key, (node for node in a if node not in pairs)).items():
            if (partner := candidates.get(identity)) is not None:
                pairs[node] = partner
                taken.add(partner)
    removed = [node for node in a if node not in pairs]
    added = [node for node in b if node not in taken]
    return removed, added, [(node, pairs[node]) for node in a if node in pairs]


def _unique(key: Any, nodes: Iterable[ir.Node]) -> dict[tuple[str, ...], ir.Node]:
    found: dict[tuple[str, ...], ir.Node | None] = {}
    for node in nodes:
        if (identity := key(node)) is not None:
            found[identity] = None if identity in found else node
    return {identity: node for identity, node in found.items() if node is not None}


def _by_output(node: ir.Node) -> tuple[str, ...] | None:
    name = next((value.name for value in node.outputs if value.name), None)
    return (node.domain, node.op_type, name) if name else None


def _by_name(node: ir.Node) -> tuple[str, ...] | None:
    return (node.domain, node.op_type, node.name) if node.name else None


def _node(where: str, a: ir.Node, b: ir.Node, changes: list[Change]) -> None:
    details = [
        f"{field}: {_short(old)} -> {_short(new)}"
        for field, old, new in (
            ("name", a.name or "", b.name or ""),
            ("inputs", _names(a.inputs), _names(b.inputs)),
            ("outputs", _names(a.outputs), _names(b.outputs)),
            ("overload", a.overload, b.overload),
            ("doc_string", a.doc_string or "", b.doc_string or ""),
            ("metadata", dict(a.metadata_props), dict(b.metadata_props)),
            ("devices", _devices(a), _devices(b)),
        )
        if old != new
    ]
    subgraphs: list[tuple[str, ir.Graph, ir.Graph]] = []
    for name in dict.fromkeys((*a.attributes, *b.attributes)):
        old, new = a.attributes.get(name), b.attributes.get(name)
        if old is new:
            continue
        if old is not None and new is not None:
            pairs = _graph_pairs(old, new)
            if pairs is not None:
                inner = f"{where} > {_text(a)}.{name}" if where else f"{_text(a)}.{name}"
                subgraphs += [(inner, *pair) for pair in pairs]
                continue
        facts = (_attribute(old), _attribute(new))
        if facts[0] != facts[1]:
            shown = " -> ".join(_short(fact[1]) if fact else "absent" for fact in facts)
            details.append(f"{name}: {shown}")
    if details:
        changes.append(Change("changed", "node", where, _text(b), tuple(details)))
    for before, after in zip(a.outputs, b.outputs, strict=False):
        if not (before.is_graph_output() and after.is_graph_output()):
            _value(where, before, after, changes)
    for inner, old_graph, new_graph in subgraphs:
        _graph(inner, old_graph, old_graph, new_graph, new_graph, changes)


def _graph_pairs(a: ir.Attr, b: ir.Attr) -> list[tuple[ir.Graph, ir.Graph]] | None:
    """Return the subgraphs of two attributes side by side, or None when they have none."""
    if a.type != b.type or a.ref_attr_name or b.ref_attr_name:
        return None
    if a.type == ir.AttributeType.GRAPH:
        return [(a.as_graph(), b.as_graph())]
    if a.type == ir.AttributeType.GRAPHS and len(a.as_graphs()) == len(b.as_graphs()):
        return list(zip(a.as_graphs(), b.as_graphs(), strict=True))
    return None


def _attributes(function: ir.Function) -> dict[str, Any]:
    return {name: _attribute(each) for name, each in function.attributes.items()}


def _attribute(attribute: ir.Attr | None) -> tuple[Any, ...] | None:
    """Return what can be compared of an attribute, the part to show in second place."""
    if attribute is None:
        return None
    kind, value = attribute.type, attribute.value
    shown: Any = value
    if attribute.ref_attr_name:
        shown = f"@{attribute.ref_attr_name}"
    elif kind in (ir.AttributeType.TENSOR, ir.AttributeType.SPARSE_TENSOR):
        shown = _content(value)
    elif kind in (ir.AttributeType.TENSORS, ir.AttributeType.SPARSE_TENSORS):
        shown = tuple(map(_content, value))
    elif kind == ir.AttributeType.TYPE_PROTO:
        shown = _type(value)
    elif kind == ir.AttributeType.TYPE_PROTOS:
        shown = tuple(map(_type, value))
    elif kind in (ir.AttributeType.GRAPH, ir.AttributeType.GRAPHS):
        shown = "a graph" if kind == ir.AttributeType.GRAPH else f"{len(value)} graphs"
    elif kind in (ir.AttributeType.FLOAT, ir.AttributeType.FLOATS):
        shown = repr(value)  # so that NaN equals NaN
    return (kind, shown, attribute.doc_string or "")


def _content(tensor: ir.TensorProtocol) -> tuple[Any, ...]:
    """Return type, shape, name and digest of a tensor, and its parts when it is sparse."""
    if isinstance(tensor, SparseTensor):
        return (*_tensor(tensor), _content(tensor.values), _content(tensor.indices))
    if isinstance(tensor, ir.StringTensor):
        return (*_tensor(tensor), tuple(tensor.string_data()))
    if tensor.dtype == ir.DataType.UNDEFINED:
        return _tensor(tensor)
    return (*_tensor(tensor), content_sha256(tensor).hex()[:12])


def _tensor(tensor: ir.TensorProtocol | None) -> tuple[Any, ...]:
    if tensor is None:
        return ("no data",)
    sparse = "sparse " if isinstance(tensor, SparseTensor) else ""
    text = f"{sparse}{tensor.dtype.name.lower()}{_dims(tensor.shape)}"
    return (text, tensor.doc_string or "", dict(tensor.metadata_props))


def _same_numbers(a: ir.TensorProtocol | None, b: ir.TensorProtocol | None) -> bool:
    if a is b or a is None or b is None:
        return a is b
    old, new = _content(a), _content(b)
    return old == new


def _value(where: str, a: ir.Value, b: ir.Value, changes: list[Change]) -> None:
    if a.name != b.name:
        return
    details = [
        f"{field}: {_short(old)} -> {_short(new)}"
        for field, old, new in (
            ("type", _type(a), _type(b)),
            ("doc_string", a.doc_string or "", b.doc_string or ""),
            ("metadata", dict(a.metadata_props), dict(b.metadata_props)),
            ("quantization", a.meta.get(QUANTIZATION), b.meta.get(QUANTIZATION)),
        )
        if old != new
    ]
    if details:
        changes.append(Change("changed", "value", where, a.name or "", tuple(details)))


def _fields(
    what: str,
    where: str,
    name: str,
    a: Mapping[str, Any],
    b: Mapping[str, Any],
    changes: list[Change],
) -> None:
    details = tuple(
        f"{key}: {_short(a.get(key, 'absent'))} -> {_short(b.get(key, 'absent'))}"
        for key in dict.fromkeys((*a, *b))
        if a.get(key) != b.get(key)
    )
    if details:
        changes.append(Change("changed", what, where, name, details))


def _signature(value: ir.Value) -> str:
    text = _type(value)
    parts = [text, value.name or "''"] if text else [value.name or "''"]
    return " ".join(parts)


def _type(value: "ir.Value | ir.TypeAndShape") -> str:
    if value.type is None:
        return ""
    dims = "" if value.shape is None else _dims(value.shape)
    if type(value.type) is ir.TensorType:
        text = value.type.dtype.name.lower() + dims
    else:
        text = f"{value.type!r}{dims}"
    return f"{text} as {value.type.denotation}" if value.type.denotation else text


def _dims(shape: ir.ShapeProtocol) -> str:
    dims = (str(dim if isinstance(dim, int) else dim.value or "?") for dim in shape)
    denotations = [shape.get_denotation(index) for index in range(len(shape))]
    suffix = f"{denotations}" if any(denotations) else ""
    return f"[{','.join(dims)}]{suffix}"


def _devices(node: ir.Node) -> list[bytes]:
    return [
        ir.serde.serialize_node_device_configuration(each).SerializeToString()
        for each in node.device_configurations
    ]


def _call(node: ir.Node) -> str:
    return f"({', '.join(_iterate(node.inputs))}) -> {', '.join(_iterate(node.outputs))}"


def _names(values: Iterable[ir.Value | None]) -> str:
    return f"({', '.join(_iterate(values))})"


def _iterate(values: Iterable[ir.Value | None]) -> Iterator[str]:
    return ((value.name if value is not None else "") or "''" for value in values)


def _text(node: ir.Node) -> str:
    operator = f"{node.domain}::{node.op_type}" if node.domain else node.op_type
    return f"{operator} {node.name!r}" if node.name else operator


def _short(fact: Any) -> str:
    text = fact if isinstance(fact, str) else repr(fact)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"

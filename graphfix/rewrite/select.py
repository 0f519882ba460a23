"""Selectors: which nodes or values are meant, by structure instead of by exporter's names.

A node selector is a conjunction of clauses joined by ``&``::

    op=Resize|Upsample      the operator
    attr.mode=linear        an attribute (also !=)
    in0=Conv                input 0 is made by a Conv; in0=Split.1 by output 1 of a Split
    out0=Cast               output 0 is read by a Cast; out0=Gather.1 as its input 1
    rank0=4                 rank of input 0
    dim0.1=64               axis 1 of input 0
    k=0,2,5..7              only these of the nodes that match everything else, in graph order
    name=head/*             name pattern; exporters change names, so prefer structure

A value selector is a value name, ``node:port``, or a port of selected nodes:
``in0(op=NonMaxSuppression)``, ``out1(op=TopK & k=0)``; ``ins(...)`` and ``outs(...)`` mean all.
"""

import difflib
import fnmatch
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import onnx_ir as ir

from graphfix.errors import PassError, PipelineError

_CLAUSE = re.compile(
    r"(?P<key>op|name|k|attr\.\w+|in\d+|out\d+|rank\d+|dim\d+\.-?\d+)\s*(?P<sign>!?=)\s*(?P<value>.+)"
)
_VALUE_CALL = re.compile(r"(?P<side>in|out)(?P<port>s|\d+)\((?P<nodes>.*)\)")

Predicate = Callable[[ir.Node], bool]


@dataclass(frozen=True)
class Selector:
    """A node selector; ``text`` is what the user wrote."""

    text: str

    def __post_init__(self) -> None:
        _compile(self.text)

    def __str__(self) -> str:
        return self.text

    def filter(self, nodes: Iterable[ir.Node]) -> list[ir.Node]:
        """The selected ones of ``nodes``, in their order."""
        predicates, picks = _compile(self.text)
        matching = [node for node in nodes if all(test(node) for test in predicates)]
        if picks is None:
            return matching
        return [node for k, node in enumerate(matching) if k in picks]


@dataclass(frozen=True)
class Expect:
    """A condition on the number of rewrites: ``14``, ``>=1``, ``<=3``, ``>0``, ``<9``, ``!=0``."""

    text: str

    _FORM = re.compile(r"(==|>=|<=|!=|>|<)?\s*(\d+)")

    def __post_init__(self) -> None:
        if not self._FORM.fullmatch(self.text.strip()):
            raise PipelineError(
                f"expect={self.text!r} is not a number or a comparison such as '>=1'"
            )

    def __str__(self) -> str:
        return self.text

    def holds(self, count: int) -> bool:
        """Whether ``count`` rewrites satisfy the condition."""
        match = self._FORM.fullmatch(self.text.strip())
        assert match is not None
        sign, number = match[1] or "==", int(match[2])
        return {
            "==": count == number,
            "!=": count != number,
            ">=": count >= number,
            "<=": count <= number,
            ">": count > number,
            "<": count < number,
        }[sign]


def select_values(graph: ir.Graph, text: str) -> tuple[ir.Value, ...]:
    """The values of ``graph`` that a value selector means.

    Raises:
        PassError: nothing has that name, or no node matches.
    """
    call = _VALUE_CALL.fullmatch(text.strip())
    if call:
        return _ports(Selector(call["nodes"]).filter(graph), call, text)
    by_name = {value.name: value for value in _all_values(graph)}
    if text in by_name:
        return (by_name[text],)
    node_name, _, port = text.rpartition(":")
    if node_name and port.isdigit():
        for node in graph:
            if node.name == node_name:
                return (_port(node.outputs, int(port), text),)
    close = _similar(text, [name for name in by_name if name])
    hint = f"; similar: {', '.join(close)}" if close else ""
    raise PassError(f"no value or node output is called {text!r}{hint}")


def _similar(text: str, names: Sequence[str]) -> list[str]:
    """Up to five names that contain ``text`` or are nearly spelled like it."""
    inside = [name for name in names if text.lower() in name.lower()]
    return list(dict.fromkeys((*inside, *difflib.get_close_matches(text, names))))[:5]


def _all_values(graph: ir.Graph) -> Iterable[ir.Value]:
    yield from graph.inputs
    yield from graph.initializers.values()
    for node in graph:
        yield from node.outputs


def _ports(nodes: Sequence[ir.Node], call: re.Match[str], text: str) -> tuple[ir.Value, ...]:
    if not nodes:
        raise PassError(f"{text!r} selects no node")
    found: dict[ir.Value, None] = {}
    for node in nodes:
        values = node.inputs if call["side"] == "in" else node.outputs
        if call["port"] == "s":
            found.update((value, None) for value in values if value is not None)
        else:
            found[_port(values, int(call["port"]), text)] = None
    return tuple(found)


def _port(values: Sequence[ir.Value | None], port: int, text: str) -> ir.Value:
    value = values[port] if port < len(values) else None
    if value is None:
        raise PassError(f"{text!r}: the node has no value at port {port}")
    return value


def _compile(text: str) -> tuple[list[Predicate], frozenset[int] | None]:
    predicates: list[Predicate] = []
    picks: frozenset[int] | None = None
    for clause in text.split("&"):
        match = _CLAUSE.fullmatch(clause.strip())
        if not match:
            raise PipelineError(
                f"selector clause {clause.strip()!r} is not understood; clauses look like "
                "op=Resize, attr.mode=linear, in0=Conv, out0=Cast, rank0=4, dim0.1=64, k=0,2, "
                "name=head/*"
            )
        key, value, negated = match["key"], match["value"].strip(), match["sign"] == "!="
        if key == "k":
            picks = _numbers(value)
            continue
        test = _predicate(key, value)
        predicates.append(_negate(test) if negated else test)
    return predicates, picks


def _negate(test: Predicate) -> Predicate:
    return lambda node: not test(node)


def _numbers(text: str) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"(\d+)(?:\.\.(\d+))?", part.strip())
        if not match:
            raise PipelineError(f"k={text!r} is not a list of numbers and ranges such as 0,2,5..7")
        found.update(range(int(match[1]), int(match[2] or match[1]) + 1))
    return frozenset(found)


def _predicate(key: str, text: str) -> Predicate:
    if key == "op":
        choices = _choices(text)
        return lambda node: node.op_type in choices
    if key == "name":
        return lambda node: fnmatch.fnmatchcase(node.name or "", text)
    if key.startswith("attr."):
        return lambda node: _attribute_text(node, key[5:]) == text
    if key.startswith("in"):
        return _made_by(int(key[2:]), *_op_and_port(text))
    if key.startswith("out"):
        return _read_by(int(key[3:]), *_op_and_port(text))
    if key.startswith("rank"):
        return lambda node: (
            _dims(node, int(key[4:])) is not None
            and str(len(_dims(node, int(key[4:])) or ())) == text
        )
    index, axis = key[3:].split(".")
    return lambda node: _dim(node, int(index), int(axis)) == text


def _op_and_port(text: str) -> tuple[frozenset[str], int | None]:
    ops, dot, port = text.partition(".")
    if dot and not port.isdigit():
        raise PipelineError(f"port {port!r} in {text!r} is not a number")
    return _choices(ops), int(port) if dot else None


def _choices(text: str) -> frozenset[str]:
    return frozenset(choice.strip() for choice in text.split("|"))


def _made_by(index: int, ops: frozenset[str], port: int | None) -> Predicate:
    def test(node: ir.Node) -> bool:
        value = node.inputs[index] if index < len(node.inputs) else None
        producer = value.producer() if value is not None else None
        if value is None or producer is None or producer.op_type not in ops:
            return False
        return port is None or value.index() == port

    return test


def _read_by(index: int, ops: frozenset[str], port: int | None) -> Predicate:
    def test(node: ir.Node) -> bool:
        if index >= len(node.outputs):
            return False
        return any(
            use.node.op_type in ops and (port is None or use.idx == port)
            for use in node.outputs[index].uses()
        )

    return test


def _attribute_text(node: ir.Node, name: str) -> str | None:
    attribute = node.attributes.get(name)
    if attribute is None or attribute.is_ref():
        return None
    value = attribute.value
    if isinstance(value, (list, tuple)):
        return ",".join(str(item) for item in value)
    return str(value)


def _dims(node: ir.Node, index: int) -> ir.Shape | None:
    value = node.inputs[index] if index < len(node.inputs) else None
    return None if value is None else value.shape


def _dim(node: ir.Node, index: int, axis: int) -> str | None:
    dims = _dims(node, index)
    if dims is None or not -len(dims) <= axis < len(dims):
        return None
    return str(dims[axis])

"""The ``names`` pass: a legal name of its own for every node."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import onnx_ir as ir

from graphfix.contract import Contract, Exact, Interface
from graphfix.errors import PassError
from graphfix.model.tensors import renamable
from graphfix.rewrite import Pass, PassContext, PassResult, Rewrite, node_label, scopes
from graphfix.rewrite.subgraphs import subgraphs_of_node

_SPLIT_AT = re.compile("[:;]")
"""Where ``--out_nodes`` and the lists of node names in ATC's options are split."""

_BAD_INPUT = re.compile("-1|[~;]")
"""In ``--input_shape``: ``;`` splits, the others make the whole text a dynamic shape."""


@dataclass(frozen=True, kw_only=True)
class Names(Pass):
    """Give every node a name of its own that ATC and its command line understand.

    Why
        ATC names the k-th unnamed node "<operator>_<k>", which may be there already, and stops
        when two nodes, a node and a graph input, or a node and the node it makes of an initializer
        have one name (E13009). Its options split lists of names at ":" and ";". It takes a skipped
        output for the source of every skipped input, as both have the empty name.

    Rewrites
        1. Nodes without a name, with the name of an earlier node, of a graph input or of the node
           made of an initializer, or with ":" or ";" in it, in subgraphs and functions, too.
        2. Values inside a subgraph that have the name of a value outside.
        3. Skipped outputs, when there are skipped inputs: the last ones go, others get a name.
        4. With ``interface``: inputs with ";", "~" or "-1" and outputs with ":" or ";" in their
           names get "_" there.

    Leaves alone
        Names that are legal and unique; the names of inputs and outputs, because the caller uses
        them, without ``interface``.
    """

    name = "names"
    after = ("*",)  # other passes make nodes
    contract = Exact()

    interface: bool = False
    """Rename inputs and outputs that ATC's command line cannot name, too."""

    def run(self, model: ir.Model, context: PassContext) -> PassResult:
        """Rename in place.

        Raises:
            PassError: ``select`` is given, which means nothing here.
        """
        if self.select is not None:
            raise PassError("every node gets a name of its own; remove select=")
        values = _Free(_value_names(model))
        contract: Contract = self.contract
        rewrites: list[Rewrite] = []
        unnameable = dict(_unnameable(model.graph))
        notes: tuple[str, ...] = ()
        if unnameable and self.interface:
            renamed = {value: _rename(value, values(new)) for value, new in unnameable.items()}
            rewrites += renamed.values()
            old = {value.name or "": rewrite.removed[0] for value, rewrite in renamed.items()}
            contract = Interface(
                outputs={v.name: old[v.name] for v in model.graph.outputs if v.name in old},
                inputs={v.name: old[v.name] for v in model.graph.inputs if v.name in old},
            )
        elif unnameable:
            shown = ", ".join(repr(value.name) for value in unnameable)
            notes = (f"ATC's command line cannot name {shown}; names{{interface}} renames them",)
        rewrites += _inner_values(model.graph, set(), values)
        rewrites += _skipped_outputs(model, values)
        rewrites += _nodes(model)
        return PassResult(model, contract, tuple(rewrites), notes=notes)


class _Free:
    """Hands out names that are not taken."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)
        self._next: dict[str, int] = {}

    def take(self, name: str) -> bool:
        """Whether ``name`` was free; it is not any more."""
        free = name not in self._taken
        self._taken.add(name)
        return free

    def __call__(self, stem: str) -> str:
        """``stem``, or ``stem_1`` and so on when it is taken."""
        name = stem
        while not self.take(name):
            self._next[stem] = number = self._next.get(stem, 0) + 1
            name = f"{stem}_{number}"
        return name


def _unnameable(graph: ir.Graph) -> Iterator[tuple[ir.Value, str]]:
    """Inputs and outputs that ATC's options cannot name, and what to call them."""
    for value in graph.inputs:
        if value.name and _BAD_INPUT.search(value.name) and not value.is_initializer():
            yield value, _BAD_INPUT.sub("_", value.name)
    for value in graph.outputs:
        if value.name and _SPLIT_AT.search(value.name) and not value.is_graph_input():
            yield value, _SPLIT_AT.sub("_", value.name)


def _rename(value: ir.Value, name: str) -> Rewrite:
    old = value.name or ""
    if value.const_value is not None:
        value.const_value = renamable(value.const_value)
    value.name = name
    return Rewrite(name, "value", (), (), (name,), (old,), note=f"was {old!r}")


def _value_names(model: ir.Model) -> Iterator[str]:
    for scope in scopes(model):
        values = [*scope.inputs, *(out for node in scope for out in node.outputs)]
        values += scope.initializers.values() if isinstance(scope, ir.Graph) else []
        yield from (value.name for value in values if value.name)


def _inner_values(graph: ir.Graph, around: set[str], free: _Free) -> Iterator[Rewrite]:
    """Rename what has the name of something in the graphs around.

    ``around`` are their names; it is the same again when this ends.
    """
    here = dict.fromkeys((*graph.inputs, *graph.initializers.values()))
    here.update(dict.fromkeys(out for node in graph for out in node.outputs))
    for value in here:
        if value.name in around:
            yield _rename(value, free(value.name))
    names = {value.name for value in here if value.name}
    around |= names
    for node in graph:
        for inner in subgraphs_of_node(node):
            yield from _inner_values(inner, around, free)
    around -= names


def _skipped_outputs(model: ir.Model, free: _Free) -> Iterator[Rewrite]:
    nodes = [node for scope in scopes(model) for node in scope]
    if not any(value is None for node in nodes for value in node.inputs):
        return
    for node in nodes:
        count = len(node.outputs)
        while count and not node.outputs[count - 1].name:
            count -= 1
        if count < len(node.outputs):
            note = "removed the skipped outputs at its end"
            node.resize_outputs(count)
            yield Rewrite(node_label(node), node.op_type, (), (), (), (), note=note)
        for port, value in enumerate(node.outputs):
            if not value.name:
                yield _rename(value, free(f"{node_label(node)}_out{port}"))


def _nodes(model: ir.Model) -> Iterator[Rewrite]:
    graph = model.graph
    free = _Free(value.name or "" for value in graph.inputs)
    for index, name in enumerate(sorted(graph.initializers)):
        free.take(
            f"{name}_Initializer_{index}"
        )  # what ATC calls the node it makes of an initializer
    nodes = [(scope, node) for scope in scopes(model) for node in scope]
    for scope, node in [each for each in nodes if not _keeps_name(each[1], free)]:
        old = node.name or ""
        node.name = free(_SPLIT_AT.sub("_", node_label(node)))
        yield Rewrite(
            node.name,
            node.op_type,
            (),
            (),
            (node.name,),
            (old,),
            "" if scope is graph else (scope.name or "subgraph"),
            f"was {old!r}" if old else "had no name",
        )


def _keeps_name(node: ir.Node, free: _Free) -> bool:
    """Whether the name is legal and nobody has it yet; it is taken then."""
    legal = bool(node.name) and not _SPLIT_AT.search(node.name or "")
    return legal and free.take(node.name or "")

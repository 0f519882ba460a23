"""The ``out-nodes`` pass: other outputs, and nothing that does not lead to them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import onnx_ir as ir

from graphfix.contract import Exact, Interface
from graphfix.errors import PassError
from graphfix.model import infer_shapes
from graphfix.rewrite import (
    Pass,
    PassContext,
    PassResult,
    Rewrite,
    SkipRecord,
    constant_tensor,
    node_label,
    select_values,
)
from graphfix.rewrite.dead import (
    remove_dead_initializers,
    remove_dead_nodes,
    remove_unread_inputs,
    unread_inputs,
)
from graphfix.rewrite.rewriter import Names
from graphfix.rewrite.subgraphs import subgraphs_of_node


@dataclass(frozen=True, kw_only=True)
class OutNodes(Pass):
    """Cut the graph at given values and make them its outputs, in the given order.

    Why
        The end of a detection model (NMS, sorting, drawing) often does not compile or runs on the
        CPU of the device; it is cut off and done by the host.

    Rewrites
        1. The values of ``keep`` become the outputs: by value name, as "node:port", or as a
           structural selector such as "ins(op=NonMaxSuppression)", which may mean several (and
           then leaves out constants).
        2. Nodes and initializers that no output needs are removed. Inputs stay, and the report
           names those that nothing reads, unless ``drop-inputs`` is set.
        3. With ``rename`` the outputs get these names. A graph input, an initializer, or a value
           that is kept twice gets its new name from an Identity.

    Leaves alone
        The whole model, when a selector selects no node or there is no value of a name.
    """

    name = "out-nodes"
    contract = Interface()
    example = "out-nodes{keep=[boxes,scores]}"
    must_match = True

    keep: tuple[str, ...]
    """The new outputs: value names, "node:port", or ports of selected nodes as "in0(op=TopK)"."""
    rename: tuple[str, ...] = ()
    """Names of the new outputs, one for each."""
    drop_inputs: bool = False
    """Remove graph inputs that no output needs."""

    def __post_init__(self) -> None:
        """Raise ``ValueError`` when nothing would be kept."""
        if not self.keep:
            raise ValueError(f"keep= must name at least one value, as in {self.example}")

    def run(self, model: ir.Model, context: PassContext) -> PassResult:
        """Cut ``model`` in place.

        Raises:
            PassError: a value cannot be an output, or the new names do not fit.
        """
        if self.select is not None:
            raise PassError("keep= says which values are meant; remove select=")
        graph = model.graph
        kept: list[ir.Value] = []
        for text in self.keep:
            try:
                found = select_values(graph, text)
            except PassError as error:
                _require_outer(graph, text)
                return PassResult(model, Exact(), skips=(SkipRecord(text, "value", str(error)),))
            several = len(found) > 1
            kept.extend(v for v in found if not (several and constant_tensor(v) is not None))
        names = self._names(kept)
        _require_types(model, kept)

        old_outputs = tuple(value.name or "" for value in graph.outputs)
        old_names = [value.name or "" for value in kept]
        added = _set_outputs(model, kept, names)
        removed = tuple(node_label(node) for node in remove_dead_nodes(graph))
        remove_dead_initializers(graph)
        unread = tuple(value.name or "" for value in unread_inputs(graph))
        if self.drop_inputs:
            remove_unread_inputs(graph)
        _apply_names(model, names)
        contract = Interface(
            outputs=dict(zip(names, old_names, strict=True)),
            inputs={value.name or "": value.name or "" for value in graph.inputs},
        )
        dropped = unread if self.drop_inputs else ()
        changed = old_outputs != names or added or removed or dropped
        cut = Rewrite(
            node=names[0],
            op_type="output",
            inputs=(),
            outputs=tuple(name for name, old in contract.outputs.items() if name == old),
            added=added,
            removed=removed,
            note=f"outputs were {', '.join(old_outputs)}",
        )
        notes = () if self.drop_inputs or not unread else (_unread_note(unread),)
        return PassResult(model, contract, (cut,) if changed else (), notes=notes)

    def _names(self, kept: Sequence[ir.Value]) -> tuple[str, ...]:
        """The output names, which are different from each other."""
        names = tuple(value.name or "" for value in kept)
        if self.rename:
            if len(self.rename) != len(kept):
                raise PassError(
                    f"rename= has {len(self.rename)} names for {len(kept)} outputs: "
                    f"{', '.join(names)}"
                )
            names = self.rename
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise PassError(f"two outputs are called {twice!r}; give them names with rename=[...]")
        return names


def _require_outer(graph: ir.Graph, text: str) -> None:
    for node in graph.all_nodes():
        if node.graph is graph:
            continue
        if any(value.name == text for value in node.outputs):
            raise PassError(
                f"{text!r} is made inside a subgraph ({node.graph.name if node.graph else ''}), "
                "which may run never or several times; only values of the main graph can be outputs"
            )


def _require_types(model: ir.Model, kept: Sequence[ir.Value]) -> None:
    """Fill in the types and shapes that outputs must have."""
    if any(value.type is None or value.shape is None for value in kept):
        infer_shapes(model)
    for value in kept:
        if value.type is None:
            raise PassError(f"the type of {value.name!r} cannot be inferred, an output needs one")
        if value.shape is None and isinstance(value.type, ir.TensorType):
            raise PassError(f"the rank of {value.name!r} cannot be inferred, an output needs one")


def _set_outputs(
    model: ir.Model, kept: Sequence[ir.Value], names: Sequence[str]
) -> tuple[str, ...]:
    """Make ``kept`` the outputs, through Identity where a value cannot carry the new name."""
    graph = model.graph
    fresh = Names(model)
    outputs: list[ir.Value] = []
    added: list[str] = []
    for value, name in zip(kept, names, strict=True):
        bound = value.producer() is None and value.name != name
        if not bound and value not in outputs:
            outputs.append(value)
            continue
        node = ir.Node("", "Identity", [value], name=fresh.fresh(f"{name}/Identity"))
        copy = node.outputs[0]
        copy.type, copy.shape = value.type, value.shape
        copy.name = node.name
        graph.append(node)
        outputs.append(copy)
        added.append(node.name or "")
    graph.outputs.clear()
    graph.outputs.extend(outputs)
    return tuple(added)


def _apply_names(model: ir.Model, names: Sequence[str]) -> None:
    """Name the outputs, once everything that is dead has given its name back."""
    renamed = [
        (value, name)
        for value, name in zip(model.graph.outputs, names, strict=True)
        if value.name != name
    ]
    taken = set(_value_names(model.graph)) - {value.name for value, _ in renamed}
    for value, name in renamed:
        if name in taken:
            raise PassError(f"rename={name}: another value has this name")
        value.name = name


def _value_names(graph: ir.Graph) -> Iterable[str | None]:
    yield from (value.name for value in graph.inputs)
    yield from graph.initializers
    for node in graph:
        yield from (value.name for value in node.outputs)
        for inner in subgraphs_of_node(node):
            yield from _value_names(inner)


def _unread_note(names: Sequence[str]) -> str:
    return (
        f"inputs that nothing reads any more: {', '.join(names)}; remove them with "
        "out-nodes{drop-inputs}"
    )

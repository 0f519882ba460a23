"""The ``prune`` pass: what nothing needs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import onnx_ir as ir

from graphfix.contract import Contract, Exact, Interface
from graphfix.errors import PassError
from graphfix.rewrite import Pass, PassContext, PassResult, Rewrite, node_label, scopes
from graphfix.rewrite.dead import (
    remove_dead_initializers,
    remove_dead_nodes,
    remove_unread_inputs,
    unread_inputs,
)

_STANDARD = ""
"""The domain of ONNX's own operators."""


@dataclass(frozen=True, kw_only=True)
class Prune(Pass):
    """Remove nodes, initializers, functions and opset imports that nothing needs.

    Why
        ATC up to CANN 9.1 takes a model with a second opset import for an error (E16005), and
        exporters and optimizers leave imports behind. Dead nodes are checked and compiled like
        live ones.

    Rewrites
        1. Nodes that no output needs, in subgraphs and functions, too.
        2. Initializers that nothing reads.
        3. Functions that nothing calls.
        4. Opset imports of the model and of functions whose domain no node uses; one stays.
        5. With ``inputs``, graph inputs that nothing reads.

    Leaves alone
        Inputs that nothing reads, because the caller feeds them; the report names them.
        Initializers that are inputs as well. Imports that the body of a function needs.
    """

    name = "prune"
    contract = Exact()

    inputs: bool = False
    """Remove graph inputs that nothing reads, too; changes the model's inputs."""

    def run(self, model: ir.Model, context: PassContext) -> PassResult:
        """Remove from ``model`` in place.

        Raises:
            PassError: ``select`` is given, which means nothing here.
        """
        if self.select is not None:
            raise PassError("everything that is not needed goes; remove select=")
        graph = model.graph
        rewrites = [*_nodes(model), *_removed("initializer", _initializers(model))]
        rewrites += _removed("function", _functions(model))
        rewrites += _removed("opset import", _imports(model))
        contract: Contract = self.contract
        notes: tuple[str, ...] = ()
        if self.inputs and (dropped := remove_unread_inputs(graph)):
            rewrites += _removed("input", dropped)
            contract = Interface()
        elif unread := unread_inputs(graph):
            names = ", ".join(value.name or "" for value in unread)
            notes = (f"inputs that nothing reads: {names}; prune{{inputs}} removes them",)
        return PassResult(model, contract, tuple(rewrites), notes=notes)


def _nodes(model: ir.Model) -> Iterator[Rewrite]:
    """Remove dead nodes, from the inside out, as what is inside keeps nodes outside alive."""
    for scope in reversed(list(scopes(model))):
        names = [node_label(node) for node in remove_dead_nodes(scope)]
        inside = "" if scope is model.graph else (scope.name or "subgraph")
        yield from _removed("node", names, inside)


def _initializers(model: ir.Model) -> list[str]:
    return [
        name
        for scope in scopes(model)
        if isinstance(scope, ir.Graph)
        for name in remove_dead_initializers(scope)
    ]


def _functions(model: ir.Model) -> list[str]:
    """Remove the functions that are not called, and return their names."""
    if not model.functions:
        return []
    called: set[ir.OperatorIdentifier] = set()
    queue = [node.op_identifier() for node in model.graph.all_nodes()]
    while queue:
        key = queue.pop()
        if key in model.functions and key not in called:
            called.add(key)
            queue.extend(node.op_identifier() for node in model.functions[key].all_nodes())
    dead = [key for key in model.functions if key not in called]
    for key in dead:
        del model.functions[key]
    return [
        f"{domain}.{name}" + (f":{overload}" if overload else "") for domain, name, overload in dead
    ]


def _imports(model: ir.Model) -> list[str]:
    """Remove the imports of unused domains, and return their domains."""
    functions = model.functions.values()
    if not functions and len(model.graph.opset_imports) == 1:
        return []
    inside = {function: {n.domain for n in function.all_nodes()} for function in functions}
    used = {node.domain for node in model.graph.all_nodes()}.union(*inside.values())
    dead = _remove_imports(model.graph.opset_imports, used)
    for function, domains in inside.items():
        dead += _remove_imports(function.opset_imports, domains)
    return dead


def _remove_imports(imports: dict[str, int], used: set[str]) -> list[str]:
    kept = used & imports.keys() or {_STANDARD if _STANDARD in imports else next(iter(imports), "")}
    dead = [domain for domain in imports if domain not in kept]
    for domain in dead:
        del imports[domain]
    return dead


def _removed(kind: str, names: Sequence[str], graph: str = "") -> tuple[Rewrite, ...]:
    if not names:
        return ()
    note = f"removed {len(names)} {kind}{'s' * (len(names) > 1)} that nothing needs"
    what = Rewrite(names[0], kind, (), (), (), tuple(names), graph, note)
    return (what,)

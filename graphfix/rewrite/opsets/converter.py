"""Carries every node of the default domain over the version steps between two opsets.

A node crosses one version of its operator at a time. At each step an adapter rebuilds it, or the
reviewed table says that the step changed nothing the node uses, or the node is refused. What an
adapter builds goes on from there in the same way, so an adapter knows one step only.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import onnx
import onnx_ir as ir

from graphfix.contract import Exact
from graphfix.errors import PassError
from graphfix.model.io import paused_gc
from graphfix.rewrite.base import PassContext
from graphfix.rewrite.opsets import schemas
from graphfix.rewrite.opsets.compatible import COMPATIBLE, OTHER_KERNEL
from graphfix.rewrite.records import Rewrite, Skip, SkipRecord
from graphfix.rewrite.rewrite_pass import Replacement, as_mapping, scopes
from graphfix.rewrite.rewriter import Rewriter, Scope, node_label

Answer = Replacement | Skip | None
"""What takes the node's place; a refusal; or ``None``: the node means the same as it stands."""

Build = TypeVar("Build", bound=Callable[[ir.Node, "Converter"], Answer])


@dataclass(frozen=True)
class Adapter:
    """One step of one operator."""

    build: Callable[[ir.Node, "Converter"], Answer]
    exact: bool
    """Whether only the form changes, so that results stay the same bit for bit."""


class Adapters:
    """The adapters of one direction: ``(operator, version)`` to what carries a node over it.

    Upwards, an adapter under ``("Split", 13)`` gets a node in the form before 13 and builds with
    operators of opset 13. Downwards it gets a node in the form of 13 and builds with opset 12.
    """

    def __init__(self) -> None:
        self.table: dict[tuple[str, int], Adapter] = {}
        self.by_type: dict[str, Adapter] = {}

    def at(self, version: int, *op_types: str, exact: bool = False) -> Callable[[Build], Build]:
        """Register the decorated function for these operators at this version."""

        def register(build: Build) -> Build:
            for op_type in op_types:
                self.table[op_type, version] = Adapter(build, exact)
            return build

        return register

    def for_types(self, *op_types: str, exact: bool = False) -> Callable[[Build], Build]:
        """Register what to do where the older version does not take the node's types."""

        def register(build: Build) -> Build:
            for op_type in op_types:
                self.by_type[op_type] = Adapter(build, exact)
            return build

        return register


class Converter(Rewriter):
    """A rewriter that knows the opset it is building for, and the steps of one node so far."""

    def __init__(self, model: ir.Model, context: PassContext) -> None:
        super().__init__(model, context)
        self.exact = True
        self._build_opset = 0
        self._root_label = ""

    @property
    def opset(self) -> int:
        """Version of the default domain that the adapter builds for."""
        return self._build_opset

    def built_for(self, opset: int) -> None:
        """Say that the adapter builds for another opset than the next one on the way."""
        self._build_opset = opset

    def begin(self, anchor: ir.Node, scope: Scope, number: int | None = None) -> None:
        """Start a rewrite; new names derive from the node of the original model."""
        super().begin(anchor, scope, number)
        self._current.label = self._root_label or node_label(anchor)

    @property
    def root(self) -> str:
        """Label of the node of the original model whose steps these are."""
        return self._root_label

    def follow(self, node: ir.Node) -> None:
        """The rewrites that begin now are steps of this node of the original model."""
        self._root_label = node_label(node)


def convert(
    model: ir.Model,
    to: int,
    *,
    up: Adapters | None = None,
    down: Adapters | None = None,
    context: PassContext,
) -> tuple[tuple[Rewrite, ...], bool]:
    """Carry the main graph, its subgraphs and every function to opset ``to``, in place.

    Each function goes from its own opset; a direction without adapters is left alone. Returns the
    rewrites and whether all of them are exact.

    Raises:
        PassError: nodes that cannot be expressed, all of them with their reasons. The model is
            then in pieces and must be discarded.
    """
    rw = Converter(model, context)
    rewrites: list[Rewrite] = []
    refused: list[SkipRecord] = []
    opset = _default_opset(model.graph.opset_imports) or to
    for scope in scopes(model):
        if isinstance(scope, ir.Function):
            own = _default_opset(scope.opset_imports)
            opset = to if own is None else own
        adapters = up if opset < to else down
        if opset == to or adapters is None:
            continue
        walk = _Walk(rw, scope, to, adapters, refused)
        with paused_gc():
            for node in list(scope):
                if node.domain == "" and schemas.changes(node.op_type, *sorted((opset, to))):
                    rewrites.extend(walk.carry(node, opset))
    if refused:
        raise PassError(_refusal(refused, to))
    for imports in (
        model.graph.opset_imports,
        *(f.opset_imports for f in model.functions.values()),
    ):
        own = _default_opset(imports)
        if own is not None and (up if own < to else down) is not None:
            imports.pop("ai.onnx", None)
            imports[""] = to
    return tuple(rewrites), rw.exact


class _Walk:
    """The nodes of one graph on their way to one opset."""

    def __init__(
        self,
        rw: Converter,
        scope: Scope,
        to: int,
        adapters: Adapters,
        refused: list[SkipRecord],
    ) -> None:
        self.rw, self.scope, self.to = rw, scope, to
        self.adapters, self.refused = adapters, refused

    def carry(self, node: ir.Node, opset: int) -> Iterator[Rewrite]:
        """Take one node of the original model all the way; yield at most one rewrite."""
        self.rw.follow(node)
        first: Rewrite | None = None
        removed: set[str] = set()
        notes: dict[str, None] = {}
        made: list[ir.Node] = []
        exact_before, self.rw.exact = self.rw.exact, True
        waiting = [(node, opset)]
        while waiting:
            current, at = waiting.pop()
            if current.graph is None:
                continue
            step = self._step(current, at, checked=current is node)
            if isinstance(step, Skip):
                self.refused.append(SkipRecord(self.rw.root, node.op_type, step.reason))
                return
            if step is None:
                continue
            rewrite, added, now = step
            first = first or rewrite
            removed.update(rewrite.removed)
            notes.update(dict.fromkeys(rewrite.note.split("; ") if rewrite.note else ()))
            made.extend(added)
            waiting.extend((new, now) for new in reversed(added))
        exact, self.rw.exact = self.rw.exact, self.rw.exact and exact_before
        if first is None:
            return
        kept = [new for new in made if new.graph is not None]
        inside = {id(out) for new in kept for out in new.outputs}
        names = {new.name for new in made}
        yield replace(
            first,
            inputs=tuple(
                dict.fromkeys(
                    value.name or ""
                    for new in kept
                    for value in new.inputs
                    if value is not None and id(value) not in inside and not value.is_initializer()
                )
            ),
            added=tuple(new.name or "" for new in kept),
            removed=tuple(
                name for name in sorted(removed) if name not in names or name == first.node
            ),
            note="; ".join(notes),
            contract=Exact() if exact else None,
        )

    def _step(
        self, node: ir.Node, at: int, checked: bool
    ) -> tuple[Rewrite, list[ir.Node], int] | Skip | None:
        """Take the node over as many versions as it crosses unchanged, and over one that it
        does not; say what stands there then."""
        if not checked and (wrong := schemas.misfit(node, at)) is not None:
            return self._replace(node, at, self.adapters.by_type.get(node.op_type), wrong)
        up = self.to > at
        steps = schemas.changes(node.op_type, *sorted((at, self.to)))
        for version in steps if up else reversed(steps):
            now = version if up else version - 1
            adapter = self._adapter(node, version, up)
            done = None if adapter is None else self._replace(node, now, adapter)
            if done is not None:
                return done
            if (wrong := schemas.misfit(node, now)) is not None:
                return self._replace(node, now, self.adapters.by_type.get(node.op_type), wrong)
            self.rw.exact &= (node.op_type, version) not in OTHER_KERNEL
        return None

    def _adapter(self, node: ir.Node, version: int, up: bool) -> Adapter | None:
        """What carries the node over one version; ``None`` when it may stay as it is."""
        found = self.adapters.table.get((node.op_type, version))
        if found is not None:
            return Adapter(lambda n, rw: _parameters(n) or found.build(n, rw), found.exact)
        if version in COMPATIBLE.get(node.op_type, ()):
            return None if up else Adapter(without_additions, exact=True)
        if up and version == schemas.history(node.op_type)[0]:
            return None
        return Adapter(lambda n, _: Skip(_unknown(n, version, up)), exact=True)

    def _replace(
        self, node: ir.Node, now: int, adapter: Adapter | None, otherwise: str = ""
    ) -> tuple[Rewrite, list[ir.Node], int] | Skip | None:
        """Let the adapter put something for opset ``now`` in the node's place.

        Without an adapter, or when it wants to keep the node, that is a refusal if a reason is
        given and otherwise nothing.
        """
        self.rw.begin(node, self.scope)
        self.rw.built_for(now)
        answer = None if adapter is None else adapter.build(node, self.rw)
        if answer is None or isinstance(answer, Skip):
            self.rw.abandon()
            return answer if answer is not None or not otherwise else Skip(otherwise)
        assert adapter is not None
        added, now = self.rw.added, self.rw.opset
        rewrite = self.rw.commit(as_mapping(node, answer))
        self.rw.exact &= adapter.exact
        kept = [new for new in added if new.graph is not None]
        _keep_name(node, kept)
        for new in kept:
            annotate(new, now)
        return rewrite, kept, now


def without_additions(node: ir.Node, rw: Converter) -> Answer:
    """The node in the form of the opset being built, if it uses nothing that came later."""
    schema = schemas.schema_at(node.op_type, rw.opset)
    newer = schemas.schema_at(node.op_type, rw.opset + 1)
    assert schema is not None
    assert newer is not None
    limit = max(schema.max_input, 0)
    for index in range(limit, len(node.inputs)):
        if node.inputs[index] is not None:
            return Skip(f"opset {rw.opset} has no input {index} of {node.op_type}")
    drop = []
    for name, attribute in node.attributes.items():
        if name in schema.attributes:
            continue
        if attribute.is_ref() or not _is_default(attribute, newer.attributes.get(name)):
            shown = "a function's parameter" if attribute.is_ref() else attribute.value
            return Skip(f"{name}={shown} does not exist in opset {rw.opset}")
        drop.append(name)
    if not drop and len(node.inputs) <= limit:
        return None
    return rw.restate(node, node.inputs[:limit], drop=drop)


def _is_default(attribute: ir.Attr, declared: "onnx.defs.OpSchema.Attribute | None") -> bool:
    if declared is None or not declared.default_value.name:
        return False
    default = onnx.helper.get_attribute_value(declared.default_value)
    if isinstance(default, bytes):
        default = default.decode()
    value = attribute.value
    return bool((list(value) if isinstance(value, (tuple, list)) else value) == default)


def annotate(node: ir.Node, opset: int) -> None:
    """Infer type and shape of the outputs of a new node from its inputs, where they are unknown."""
    if all(out.type is not None and out.shape is not None for out in node.outputs):
        return
    schema = schemas.schema_at(node.op_type, opset)
    given = [value for value in node.inputs if value is not None]
    if schema is None or any(value.type is None for value in given):
        return
    types = {value.name or "": ir.serde.serialize_value(value).type for value in given}
    data = {
        value.name or "": ir.serde.serialize_tensor(value.const_value)
        for value in given
        if value.const_value is not None and value.const_value.size <= 64
    }
    proto = ir.serde.serialize_node(node)
    try:
        found = onnx.shape_inference.infer_node_outputs(
            schema, proto, types, data, opset_imports=[onnx.helper.make_opsetid("", opset)]
        )
    except (
        onnx.shape_inference.InferenceError,
        onnx.checker.ValidationError,
        RuntimeError,
    ):
        return  # a hint only: adapters ask for what they need and refuse without it
    for out in node.outputs:
        info = found.get(out.name or "")
        if info is None:
            continue
        out.type = out.type or ir.serde.deserialize_type_proto_for_type(info)
        out.shape = out.shape or ir.serde.deserialize_type_proto_for_shape(info)


def _keep_name(old: ir.Node, added: Sequence[ir.Node]) -> None:
    """A node that only took another form keeps its name and what was written about it."""
    same = [new for new in added if new.op_type == old.op_type] if len(added) > 1 else list(added)
    if old.graph is not None or len(same) != 1:
        return
    same[0].name = old.name
    same[0].doc_string = old.doc_string
    same[0].metadata_props.update(old.metadata_props)


def _parameters(node: ir.Node) -> Skip | None:
    for name, attribute in node.attributes.items():
        if attribute.is_ref():
            return Skip(f"its {name} is a parameter of the function around it; inline the function")
    return None


def _unknown(node: ir.Node, version: int, up: bool) -> str:
    if not up and version == schemas.history(node.op_type)[0]:
        return f"it exists from opset {version} on, and no decomposition is known"
    return f"its meaning changed in opset {version}, and no conversion over that step is known"


def _refusal(refused: Sequence[SkipRecord], to: int) -> str:
    count = f"{len(refused)} node{'s' if len(refused) > 1 else ''}"
    lines = [f"  {skip.node} ({skip.op_type}): {skip.reason}" for skip in refused]
    return "\n".join([f"{count} cannot be expressed in opset {to}:", *lines])


def _default_opset(imports: Mapping[str, int]) -> int | None:
    return imports.get("", imports.get("ai.onnx"))

"""The only hand that edits a graph: builds nodes beside an anchor and observes every change."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import numpy as np
import onnx_ir as ir
from onnx_ir import convenience

from graphfix.contract import Contract
from graphfix.errors import PassError
from graphfix.model.tensors import renamable
from graphfix.rewrite.base import PassContext, Target
from graphfix.rewrite.constants import constant_array
from graphfix.rewrite.records import Rewrite, Skip
from graphfix.rewrite.site import NodeSketch, Site, SiteLog, in_order, unsuitable
from graphfix.rewrite.subgraphs import (
    HOLDERS,
    inner_inputs,
    inner_nodes,
    subgraphs_of,
    subgraphs_of_node,
)
from graphfix.rewrite.symbolic import Facts
from graphfix.rewrite.uses import is_needed, is_read, let_go

Scope = ir.Graph | ir.Function
AttrValue = (
    int
    | float
    | str
    | Sequence[int]
    | Sequence[float]
    | Sequence[str]
    | ir.Attr
    | ir.TensorProtocol
)


def node_label(node: ir.Node) -> str:
    """Name of a node for people and for new names; unnamed nodes go by their first output."""
    if node.name:
        return node.name
    first = next((out.name for out in node.outputs if out.name), None)
    return f"{node.op_type}_{first}" if first else node.op_type


def as_attribute(name: str, value: AttrValue) -> ir.Attr:
    """An attribute of the type that the Python value suggests; ready ones stay as they are."""
    if isinstance(value, ir.Attr):
        return value
    # The usual types first: asking for protocols, as onnx-ir does, takes half a millisecond.
    if isinstance(value, int):
        return ir.AttrInt64(name, int(value))
    if isinstance(value, float):
        return ir.AttrFloat32(name, value)
    if isinstance(value, str):
        return ir.AttrString(name, value)
    if isinstance(value, (list, tuple, range)) and value:
        if all(isinstance(item, int) for item in value):
            return ir.AttrInt64s(name, [int(item) for item in value])
        if all(isinstance(item, (int, float)) for item in value):
            return ir.AttrFloat32s(name, [float(item) for item in value])
    return convenience.convert_attribute(name, value)


class Names:
    """Hands out value and node names that are unique in the whole model, subgraphs included."""

    def __init__(self, model: ir.Model) -> None:
        self._used: set[str] = set()
        self._next: dict[str, int] = {}
        """The first counter of a stem that may be free, as names are never given back."""
        self._collect(model.graph)
        for function in model.functions.values():
            self._collect(function)

    def _collect(self, scope: Scope) -> None:
        used = self._used  # as many names as there are; onnx-ir's properties take their time
        used.update(value.name for value in scope.inputs if value.name)
        if isinstance(scope, ir.Graph):
            used.update(scope.initializers)
        for node in scope:
            if name := node._name:
                used.add(name)
            for value in node._outputs:
                if name := value._name:
                    used.add(name)
            if node._op_type in HOLDERS or node._domain != "":
                for graph in subgraphs_of_node(node):
                    self._collect(graph)

    def fresh(self, stem: str) -> str:
        """``stem_0``, or the first counter that is free."""
        counter = self._next.get(stem, 0)
        while f"{stem}_{counter}" in self._used:
            counter += 1
        name = f"{stem}_{counter}"
        self._used.add(name)
        self._next[stem] = counter + 1
        return name


class UnreadableAttribute(Exception):
    """An attribute has no value of its own; the rewrite that needs it becomes a skip."""


@dataclass
class _Site:
    """The edits of one rewrite while it is being made."""

    anchor: ir.Node
    scope: Scope
    number: int | None
    label: str
    added: list[ir.Node]
    constants: list[ir.Value]
    notes: list[str]
    undo: list[Callable[[], object]]
    """What takes back edits of the model around the graph."""
    contract: Contract | None = None
    kept: dict[str, Mapping[str, object]] = field(default_factory=dict)
    restated: list[tuple[ir.Node, ir.Node]] = field(default_factory=list)
    """New nodes that are old ones in another form."""


class Rewriter:
    """Reads and edits one model for one pass.

    New nodes go directly before the current anchor and take their names from it
    (``head/Resize_3/Mul_0``). Nothing is removed until the pass has returned its values.
    """

    def __init__(self, model: ir.Model, context: PassContext) -> None:
        self.model = model
        self.target: Target | None = context.target
        self.memory: dict[Hashable, Any] = {}
        """What a pass wants to remember from one anchor to the next, as it has no state."""
        self._names: Names | None = None
        self._place: tuple[ir.Node, Scope, int | None] | None = None
        """The anchor, where it stands, and its number."""
        self._site: _Site | None = None
        """What has been done there; most anchors turn out to be none."""
        self._shared: dict[tuple[int, np.dtype, tuple[int, ...], bytes], ir.Value] = {}
        self._functions: tuple[ir.Function, ...] | None = None
        """Copies of the model's functions, made when a site calls one."""

    @property
    def opset(self) -> int:
        """Version of the default domain where the anchor stands."""
        return self._imports.get("", 1)

    @property
    def in_function(self) -> bool:
        """Whether the anchor stands in the body of a function, which has no initializers."""
        return isinstance(self._scope, ir.Function)

    @cached_property
    def facts(self) -> Facts:
        """What is known of dims and small tensors, as expressions over the dims of the inputs."""
        return Facts(self.model)

    @property
    def _imports(self) -> dict[str, int]:
        """The opset imports that hold where the anchor stands."""
        scope, main = self._scope, self.model.graph
        if scope is main:
            return main.opset_imports
        function = scope if isinstance(scope, ir.Function) else self._function_around(scope)
        imports = function.opset_imports if function is not None else None
        return imports or main.opset_imports

    def _function_around(self, graph: ir.Graph) -> ir.Function | None:
        """The function whose body holds ``graph`` in one of its nodes."""
        for function in self.model.functions.values():
            for node in function.all_nodes():
                if any(inner is graph for inner in subgraphs_of_node(node)):
                    return function
        return None

    @property
    def added(self) -> tuple[ir.Node, ...]:
        """The nodes that the current rewrite has inserted so far."""
        return tuple(self._current.added)

    @property
    def _current(self) -> _Site:
        if self._site is None:
            assert self._place is not None, "the rewriter is only valid inside rewrite()"
            anchor, scope, number = self._place
            self._site = _Site(anchor, scope, number, node_label(anchor), [], [], [], [])
        return self._site

    @property
    def _scope(self) -> Scope:
        assert self._place is not None, "the rewriter is only valid inside rewrite()"
        return self._place[1]

    # Reading

    def constant(self, value: ir.Value | None) -> np.ndarray | None:
        """The array a value always has, or ``None`` (see :func:`constant_array`)."""
        return constant_array(value)

    def scalar(self, value: ir.Value | None) -> float | int | bool | None:
        """The one number a constant value holds; ``None`` when it is computed or not one number."""
        array = constant_array(value)
        if array is None or array.size != 1:
            return None
        item: float | int | bool = array.reshape(()).item()
        return item

    def ints(self, value: ir.Value | None) -> tuple[int, ...] | None:
        """The integers a constant tensor holds, flattened; ``None`` when it is computed."""
        array = constant_array(value)
        if array is None or array.dtype.kind not in "iu":
            return None
        return tuple(int(item) for item in array.reshape(-1))

    def attr_int(self, node: ir.Node, name: str, default: int) -> int:
        """An integer attribute, or its default."""
        attribute = self._attribute(node, name)
        return default if attribute is None else attribute.as_int()

    def attr_float(self, node: ir.Node, name: str, default: float) -> float:
        """A float attribute, or its default."""
        attribute = self._attribute(node, name)
        return default if attribute is None else attribute.as_float()

    def attr_str(self, node: ir.Node, name: str, default: str) -> str:
        """A string attribute, or its default."""
        attribute = self._attribute(node, name)
        return default if attribute is None else attribute.as_string()

    def attr_ints(
        self, node: ir.Node, name: str, default: tuple[int, ...] | None = None
    ) -> tuple[int, ...] | None:
        """An attribute that is a list of integers, or its default."""
        attribute = self._attribute(node, name)
        return default if attribute is None else tuple(attribute.as_ints())

    def attr_floats(self, node: ir.Node, name: str) -> tuple[float, ...]:
        """An attribute that is a list of floats; empty without it."""
        attribute = self._attribute(node, name)
        return () if attribute is None else tuple(attribute.as_floats())

    def attr_strs(self, node: ir.Node, name: str) -> tuple[str, ...]:
        """An attribute that is a list of strings; empty without it."""
        attribute = self._attribute(node, name)
        return () if attribute is None else tuple(attribute.as_strings())

    def _attribute(self, node: ir.Node, name: str) -> ir.Attr | None:
        attribute = node.attributes.data.get(name)  # the view of a UserDict is slow
        if attribute is not None and attribute.is_ref():
            raise UnreadableAttribute(
                f"attribute {name!r} of {node_label(node)!r} is a parameter of its function"
            )
        return attribute

    def param_ints(self, node: ir.Node, name: str, index: int) -> tuple[int, ...] | None:
        """A parameter that is an attribute in old opsets and input ``index`` in new ones.

        ``axes`` of Squeeze, Unsqueeze and the Reduce ops, ``pads`` of Pad, ``split`` of Split …
        Returns ``None`` when it is absent or computed; :meth:`has_input` tells which.
        """
        if name in node.attributes.data:
            return self.attr_ints(node, name)
        return self.ints(self.input(node, index))

    def input(self, node: ir.Node, index: int) -> ir.Value | None:
        """Input ``index``; an absent or empty optional input is ``None``."""
        return node.inputs[index] if index < len(node.inputs) else None

    def has_input(self, node: ir.Node, index: int) -> bool:
        """Whether an optional input is given."""
        return self.input(node, index) is not None

    def producer(self, value: ir.Value | None, *op_types: str, port: int = 0) -> ir.Node | None:
        """The node that makes ``value`` as its output ``port``, if its operator is one of these."""
        node = value.producer() if value is not None else None
        if node is None or value is None or value.index() != port:
            return None
        if node.domain not in ("", "ai.onnx"):
            return None
        return node if not op_types or node.op_type in op_types else None

    def rank(self, value: ir.Value | None) -> int | None:
        """Number of dimensions, where known."""
        return None if value is None or value.shape is None else len(value.shape)

    def dims(self, value: ir.Value | None) -> tuple[int | None, ...] | None:
        """Dimensions, ``None`` for a symbolic one; ``None`` when even the rank is unknown."""
        if value is None or value.shape is None:
            return None
        return tuple(dim if isinstance(dim, int) else None for dim in value.shape)

    def shape_of(self, value: ir.Value) -> ir.Value:
        """The shape as a value: a constant where it is known, so that it stays known after."""
        dims = self.dims(value)
        known = [dim for dim in dims or () if dim is not None]
        if dims is not None and len(known) == len(dims):
            return self.const(np.asarray(known, np.int64))
        return self.op("Shape", value)

    def dtype(self, value: ir.Value | None) -> ir.DataType | None:
        """Element type of a tensor, where known."""
        return None if value is None else value.dtype

    def only_reader(self, value: ir.Value, *op_types: str) -> ir.Node | None:
        """The one node that reads ``value``, if that is its only use and it is no graph output.

        A node inside a subgraph, which may run never or several times, does not count.
        """
        uses = tuple(value.uses())
        if len(uses) != 1 or value.is_graph_output():
            return None
        node, maker = uses[0].node, value.producer()
        if node.graph is not (value.graph if maker is None else maker.graph):
            return None
        if not op_types:
            return node
        return node if node.op_type in op_types and node.domain in ("", "ai.onnx") else None

    # Answering

    def skip(self, reason: str) -> Skip:
        """The answer of a rewrite that leaves its anchor alone."""
        return Skip(reason)

    def satisfied(self, reason: str) -> Skip:
        """The answer of a rewrite whose anchor is as it should be: the pass has nothing to do."""
        return Skip(reason, satisfied=True)

    def note(self, text: str) -> None:
        """Say in the report which way was taken, and why."""
        self._current.notes.append(text)

    def keep(self, value: ir.Value, **facts: object) -> None:
        """Have facts about ``value``, which JSON can say, written to a file beside the model."""
        self._current.kept[value.name or ""] = facts

    def promise(self, contract: Contract) -> None:
        """State the contract of this rewrite, which ``conclude`` of the pass joins with others."""
        self._current.contract = contract

    # Building

    def op(
        self, op_type: str, *inputs: ir.Value | None, domain: str = "", **attributes: AttrValue
    ) -> ir.Value:
        """Insert a node with one output before the anchor and return that output."""
        (value,) = self.ops(op_type, *inputs, outputs=1, domain=domain, **attributes)
        return value

    def ops(
        self,
        op_type: str,
        *inputs: ir.Value | None,
        outputs: int,
        domain: str = "",
        **attributes: AttrValue,
    ) -> tuple[ir.Value, ...]:
        """Insert a node with several outputs before the anchor and return them all."""
        made = [as_attribute(key, item) for key, item in attributes.items()]
        return tuple(self._insert(op_type, inputs, outputs, domain, made).outputs)

    def _insert(
        self,
        op_type: str,
        inputs: Sequence[ir.Value | None],
        outputs: int,
        domain: str,
        attributes: Iterable[ir.Attr],
        overload: str = "",
    ) -> ir.Node:
        site = self._current
        name = self._fresh(f"{site.label}/{op_type}")
        node = ir.Node(
            domain, op_type, inputs, attributes, overload=overload, num_outputs=outputs, name=name
        )
        for index, value in enumerate(node.outputs):
            value.name = name if index == 0 else self._fresh(f"{name}_out{index}")
        site.scope.insert_before(site.anchor, node)
        site.added.append(node)
        return node

    def call(
        self, function: ir.Function, *inputs: ir.Value | None, **attributes: AttrValue
    ) -> tuple[ir.Value, ...]:
        """Insert a call of a model-local function and return its outputs.

        The function joins the model, unless one with its domain, name and overload is there.

        Raises:
            PassError: the anchor is inside a function and ``function`` is an overload: onnxruntime
                cannot run that.
        """
        if function.overload and self._imports is not self.model.graph.opset_imports:
            raise PassError(
                f"{self._current.label}: a function cannot call an overload of {function.name}, as "
                "onnxruntime does not run that; inline the function around it first"
            )
        self._admit(function)
        made = [as_attribute(key, item) for key, item in attributes.items()]
        name, domain, count = function.name, function.domain, len(function.outputs)
        return tuple(self._insert(name, inputs, count, domain, made, function.overload).outputs)

    def _admit(self, function: ir.Function) -> None:
        """Let the model know a function, and what that takes, until the rewrite is abandoned."""
        model, undo, key = self.model, self._current.undo, function.identifier()
        if key not in model.functions:
            model.functions[key] = function
            undo.append(lambda: model.functions.pop(key))
        for imports in (self._imports, model.graph.opset_imports):
            if function.domain not in imports:
                imports[function.domain] = 1
                undo.append(partial(imports.pop, function.domain))
        self._need_ir_version(10 if function.overload else 8)

    def _need_ir_version(self, needed: int) -> None:
        model, old = self.model, self.model.ir_version
        if old < needed:
            model.ir_version = needed
            self._current.undo.append(lambda: setattr(model, "ir_version", old))

    def adopt(self, graph: ir.Graph, inputs: Sequence[ir.Value] = ()) -> tuple[ir.Value, ...]:
        """Move the nodes of ``graph`` in front of the anchor and return what its outputs were.

        ``graph`` is a subgraph of the anchor, or a copy of one; its inputs become ``inputs``. The
        nodes get names as new ones do. :meth:`abandon` does not put them back: adopt when nothing
        speaks against the rewrite any more.
        """
        site, outputs = self._current, list(graph.outputs)
        graph.outputs.clear()
        moved = self.hoist(graph)
        for old, new in zip(graph.inputs, inputs, strict=True):
            convenience.replace_all_uses_with(old, new)
            moved[old] = new
        nodes = list(graph)
        graph.remove(nodes)
        for node in nodes:
            node.name = name = self._fresh(f"{site.label}/{node.op_type}")
            for index, value in enumerate(node.outputs):
                if value.name:
                    value.name = name if index == 0 else self._fresh(f"{name}_out{index}")
        site.scope.insert_before(site.anchor, nodes)
        site.added += nodes
        return tuple(moved.get(value, value) for value in outputs)

    def hoist(self, graph: ir.Graph) -> dict[ir.Value, ir.Value]:
        """Move the initializers of a subgraph to where the anchor stands; old ones to new ones.

        Those that are outputs of the subgraph stay.
        """
        moved = {}
        for name, value in tuple(graph.initializers.items()):
            if value.const_value is not None and not value.is_graph_output():
                moved[value] = self.tensor(value.const_value)
                convenience.replace_all_uses_with(value, moved[value])
                del graph.initializers[name]
        return moved

    def copy(self, node: ir.Node, *inputs: ir.Value | None, **changed: AttrValue) -> ir.Value:
        """Insert a copy of a one-output node with other inputs and some attributes changed."""
        attributes: dict[str, AttrValue] = {
            name: _own_graph(attribute) for name, attribute in node.attributes.items()
        }
        attributes.update(changed)
        made = [as_attribute(name, value) for name, value in attributes.items()]
        given = inputs or node.inputs
        (value,) = self._insert(node.op_type, given, 1, node.domain, made, node.overload).outputs
        return value

    def restate(
        self,
        node: ir.Node,
        inputs: Sequence[ir.Value | None] | None = None,
        *,
        op_type: str | None = None,
        outputs: int | None = None,
        drop: Sequence[str] = (),
        attributes: Mapping[str, AttrValue] | None = None,
        **changed: AttrValue,
    ) -> tuple[ir.Value, ...]:
        """Insert the node in another form: other inputs, attributes dropped or changed.

        The new node takes over the name of ``node``, and what is written about it, if that goes.
        """
        merged: dict[str, AttrValue] = {
            name: attribute for name, attribute in node.attributes.items() if name not in drop
        }
        merged.update(attributes or {}, **changed)
        given = list(node.inputs if inputs is None else inputs)
        while given and given[-1] is None:
            given.pop()
        restated = self._insert(
            op_type or node.op_type,
            given,
            len(node.outputs) if outputs is None else outputs,
            node.domain,
            [as_attribute(name, value) for name, value in merged.items()],
            node.overload,
        )
        self._current.restated.append((node, restated))
        return tuple(restated.outputs)

    def const(
        self,
        data: np.ndarray | float | int | bool | Sequence[int] | Sequence[float],
        dtype: ir.DataType | np.dtype | type | None = None,
    ) -> ir.Value:
        """A constant. Python ints become int64 and floats float32 unless ``dtype`` says otherwise.

        In a graph it is an initializer; in a function, which has none, a Constant node. Small equal
        constants of one pass and one graph are shared.
        """
        array, scope = _as_array(data, dtype), self._scope
        if array.size > 64 or not isinstance(scope, ir.Graph):
            return self._new_const(ir.Tensor(array))
        key = (id(scope), array.dtype, array.shape, array.tobytes())
        shared = self._shared.get(key)
        if shared is None or not shared.is_initializer():  # or its last reader has gone since
            shared = self._shared[key] = self._new_const(ir.Tensor(array))
        return shared

    def tensor(self, tensor: ir.TensorProtocol) -> ir.Value:
        """A constant that holds ``tensor`` as it is, without a look at its numbers; not shared."""
        return self._new_const(renamable(tensor))

    def _new_const(self, tensor: ir.TensorProtocol) -> ir.Value:
        site = self._current
        if not isinstance(site.scope, ir.Graph):
            tensor.name = None  # the node has one
            return self.op("Constant", value=tensor)
        tensor.name = name = self._fresh(f"{site.label}/const")
        value = ir.Value(
            name=name,
            type=ir.TensorType(tensor.dtype),
            shape=tensor.shape,  # type: ignore[arg-type]  # it is an ir.Shape
            const_value=tensor,
        )
        self._need_ir_version(4)  # before, an initializer had to be an input as well
        site.scope.register_initializer(value)
        site.constants.append(value)
        return value

    def _fresh(self, stem: str) -> str:
        if self._names is None:
            self._names = Names(self.model)
        return self._names.fresh(stem)

    # One rewrite, driven by RewritePass

    def begin(self, anchor: ir.Node, scope: Scope, number: int | None = None) -> None:
        """Start a rewrite at ``anchor``, the one with this number."""
        self._place, self._site = (anchor, scope, number), None

    def abandon(self) -> None:
        """Take back what the current rewrite has inserted."""
        site, self._site = self._site, None
        if site is None:
            return
        if site.added:
            site.scope.remove(reversed(site.added), safe=True)
        for take_back in site.undo:
            take_back()
        for value in site.constants:
            _drop_initializer(value)

    def commit(self, replaced: Mapping[ir.Value, ir.Value]) -> Rewrite:
        """Let new values take the place of old ones, remove what is dead, and record it all.

        A value made here takes over name, type and shape of the value it replaces, so consumers,
        graph outputs and reports keep seeing the same names.
        """
        site = self._current
        if any(new in replaced for new in replaced.values()):
            raise PassError(f"{site.label}: a value cannot replace another and be replaced itself")
        for node in site.added:
            if any(value in replaced for value in (*node.inputs, *inner_inputs(node))):
                raise PassError(
                    f"{site.label}: the replacement reads a value it replaces, which makes a "
                    "cycle; the pass must rebuild the anchor with rw.copy"
                )
        before = {old: old.name or "" for old in replaced}
        log = SiteLog(replaced)
        made_here = {id(out) for node in site.added for out in node.outputs}
        taken: set[int] = set()
        heirs: list[ir.Value] = []
        for old, new in replaced.items():
            if id(new) not in made_here or id(new) in taken or old.producer() is None:
                if not old.is_graph_output():
                    old.replace_all_uses_with(new)
                    continue
                new = self.op("Identity", new)
            taken.add(id(new))
            heirs.append(old)
            _take_over(old, new)
        moved = {id(graph) for node in site.added for graph in subgraphs_of_node(node)}
        removed = _remove_dead([old.producer() for old in replaced], moved, log)
        _remove_dead(reversed(site.added), moved, log)
        sketch = self._sketch(log, replaced, before, {id(old) for old in heirs})
        for value in (*replaced, *site.constants):
            _drop_initializer(value)
        for old in heirs:
            producer = old.producer()
            if producer is not None and producer.graph is not None:
                old.name = self._fresh(f"{site.label}/replaced")
        _hand_over_names(site.restated)
        kept = tuple(node for node in site.added if node.graph is not None)
        inside = {id(out) for node in kept for out in node.outputs}
        inputs = dict.fromkeys(
            value.name or ""
            for node in kept
            for value in node.inputs
            if value is not None and id(value) not in inside and not value.is_initializer()
        )
        self._site = None
        return Rewrite(
            node=site.label,
            op_type=site.anchor.op_type,
            inputs=tuple(inputs),
            outputs=tuple(before[old] for old in heirs),
            added=tuple(node.name or "" for node in kept),
            removed=removed,
            graph="" if site.scope is self.model.graph else (site.scope.name or "subgraph"),
            note="; ".join(site.notes),
            contract=site.contract,
            kept=site.kept,
            anchor=site.number,
            site=sketch,
        )

    def _sketch(
        self,
        log: SiteLog,
        replaced: Mapping[ir.Value, ir.Value],
        names: Mapping[ir.Value, str],
        heirs: Set[int],
    ) -> Site:
        """What the rewrite took out and put in.

        ``names`` are those of the replaced values, ``heirs`` the ids of those whose names live on.
        """
        site = self._current
        if site.scope is not self.model.graph:
            return Site(unsuitable="it is inside a subgraph or a function")
        added = {id(node) for node in site.added}
        producers = dict.fromkeys(old.producer() for old in replaced)
        kept = [log.sketch(n) for n in producers if n is not None and n.graph is not None]
        gone = [item for item in reversed(log.before) if id(item.node) not in added]
        # Removed nodes are logged with readers first, but for values replaced together.
        before = in_order([*kept, *gone]) if kept or len(replaced) > 1 else gone
        after = [log.sketch(node) for node in site.added if node.graph is not None]
        pairs = [
            (names[old], names[old] if id(old) in heirs else log.name(new))
            for old, new in replaced.items()
        ]
        return Site(
            tuple(before),
            tuple(after),
            tuple(pairs),
            log.constants,
            dict(self.model.graph.opset_imports),
            self._functions_called((*before, *after)),
            unsuitable((*before, *after)),
            len(after) - len(gone),
        )

    def _functions_called(self, nodes: Iterable[NodeSketch]) -> tuple[ir.Function, ...]:
        """Copies of all functions of the model if a node calls one, which may call others."""
        functions = self.model.functions
        if not functions or not any(item.node.op_identifier() in functions for item in nodes):
            return ()
        if self._functions is None or len(self._functions) != len(functions):
            self._functions = tuple(function.clone() for function in functions.values())
        return self._functions


def _as_array(data: object, dtype: ir.DataType | np.dtype | type | None) -> np.ndarray:
    if isinstance(dtype, ir.DataType):
        dtype = dtype.numpy()
    if dtype is not None:
        return np.asarray(data, dtype=dtype)
    array = np.asarray(data)
    if isinstance(data, (np.ndarray, np.generic)):
        return array
    if array.dtype.kind in "iu" or array.size == 0:
        return array.astype(np.int64)
    return array.astype(np.float32) if array.dtype.kind == "f" else array


def _take_over(old: ir.Value, new: ir.Value) -> None:
    """Put ``new`` in the place of ``old``: uses, graph outputs, name, type, shape, metadata."""
    name, type_, shape = old.name, old.type, old.shape
    old.replace_all_uses_with(new, replace_graph_outputs=True)
    new.name = name
    if type_ is not None:
        new.type = type_
    if shape is not None:
        new.shape = shape
    new.doc_string = new.doc_string or old.doc_string
    if old._metadata_props:  # the properties would create a store for every value
        new.metadata_props.update(old._metadata_props)
    if old._metadata:
        for key, item in old.meta.items():
            new.meta.setdefault(key, item)


def _hand_over_names(restated: Iterable[tuple[ir.Node, ir.Node]]) -> None:
    for old, new in restated:
        if old.graph is None and new.graph is not None:
            new.name = old.name
            new.doc_string = old.doc_string
            new.metadata_props.update(old.metadata_props)


def _own_graph(attribute: ir.Attr) -> ir.Attr:
    """The attribute, with a copy of the graph in it: two nodes must not share one."""
    if attribute.is_ref() or attribute.type != ir.AttributeType.GRAPH:
        return attribute
    graph = attribute.as_graph().clone(allow_outer_scope_values=True)
    return ir.AttrGraph(attribute.name, graph, doc_string=attribute.doc_string)


def _remove_dead(
    candidates: Iterable[ir.Node | None], moved: Set[int], log: SiteLog
) -> tuple[str, ...]:
    """Remove the given nodes if nothing reads them, then what only they read; return the names.

    ``moved`` are the ids of subgraphs that have gone over to a new node. ``log`` gets what goes.
    """
    removed: dict[ir.Node, str] = {}
    by_graph: dict[Scope, list[ir.Node]] = {}
    queue = [node for node in candidates if node is not None]
    while queue:
        node = queue.pop()
        if node in removed or node.graph is None or any(map(is_needed, node.outputs)):
            continue
        read = [value for value in (*node.inputs, *inner_inputs(node)) if value is not None]
        removed[node] = node_label(node)
        by_graph.setdefault(node.graph, []).append(node)
        log.remove(node)
        if moved:
            for name, attribute in tuple(node.attributes.items()):
                if any(id(graph) in moved for graph in subgraphs_of(attribute)):
                    del node.attributes[name]
        for inner in inner_nodes(node):
            let_go(inner)
        let_go(node)
        for value in read:
            producer = value.producer()
            if producer is not None:
                queue.append(producer)
            else:
                _drop_initializer(value)
    for graph, nodes in by_graph.items():
        graph.remove(nodes)
    return tuple(removed.values())


def _drop_initializer(value: ir.Value) -> None:
    """Remove an initializer that nothing reads and that is no input or output of its graph."""
    if not value.is_initializer() or is_read(value):
        return
    if value.is_graph_input() or value.is_graph_output():
        return
    graph = value.graph
    if graph is not None and value.name is not None:
        del graph.initializers[value.name]

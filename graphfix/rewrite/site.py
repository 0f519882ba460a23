"""What a rewrite took out and put in, kept small: enough to run both by themselves later.

A sketch holds names and references (nodes, attributes, tensors), so it costs about a microsecond
per node and no memory for weights. It stays true when the graph changes afterwards.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import onnx_ir as ir

from graphfix.rewrite.constants import constant_tensor

Names = tuple[str | None, ...]


class NodeSketch(NamedTuple):
    """A node as it stood when its rewrite was made."""

    node: ir.Node
    """Says which node it is; its inputs and the names of its outputs may have changed since."""
    inputs: Names
    outputs: tuple[str, ...]
    attributes: tuple[ir.Attr, ...]


@dataclass(frozen=True)
class Site:
    """The nodes of one rewrite before and after it, in an order in which they can run.

    Names are those at the time of the rewrite. What both lists read and do not make, and what is
    no constant, comes from around the site.
    """

    before: tuple[NodeSketch, ...] = ()
    """What was removed, and what made replaced values and stays for other readers."""
    after: tuple[NodeSketch, ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()
    """Name of each replaced value, and the name its place is taken by (mostly the same)."""
    constants: Mapping[str, ir.TensorProtocol] = field(default_factory=dict)
    """The constants the nodes read, by value name."""
    opset_imports: Mapping[str, int] = field(default_factory=dict)
    functions: tuple[ir.Function, ...] = ()
    """Copies of the model-local functions that the nodes may call."""
    unsuitable: str = ""
    """Why the site cannot be run by itself; empty when it can."""

    growth: int = 0
    """Nodes that the graph has gained."""

    @property
    def reads(self) -> tuple[str, ...]:
        """The names the site takes from around it."""
        read = dict.fromkeys((*_reads(self.before), *_reads(self.after)))
        for old, new in self.pairs:
            read.update(dict.fromkeys(_outside(old, self.before)))
            read.update(dict.fromkeys(_outside(new, self.after)))
        return tuple(name for name in read if name not in self.constants)


class SiteLog:
    """Collects the sketches of one rewrite while it is committed."""

    def __init__(self, replaced: Collection[ir.Value]) -> None:
        self.constants: dict[str, ir.TensorProtocol] = {}
        self.before: list[NodeSketch] = []
        self._read: dict[int, Names] = {}
        """Inputs of the readers before replaced values are exchanged in them.

        What reads the only value that is replaced is behind the site.
        """
        if len(replaced) > 1:
            for use in (use for old in replaced for use in old.uses()):
                self._read[id(use.node)] = self._names(use.node.inputs)

    def sketch(self, node: ir.Node) -> NodeSketch:
        """The node as it stands, or as it stood if the rewrite has changed what it reads."""
        inputs = self._read.get(id(node)) or self._names(node.inputs)
        outputs = tuple(value.name or "" for value in node.outputs)
        return NodeSketch(node, inputs, outputs, tuple(node.attributes.data.values()))

    def remove(self, node: ir.Node) -> None:
        """Note a node that is about to be removed; readers come before what they read."""
        self.before.append(self.sketch(node))

    def name(self, value: ir.Value) -> str:
        """The name of a value, remembering its tensor when it is constant."""
        name = value.name or ""
        producer = value.producer()
        if producer is None or producer.op_type in ("Constant", "Identity"):
            tensor = constant_tensor(value)
            if tensor is not None:
                self.constants[name] = tensor
        return name

    def _names(self, values: Sequence[ir.Value | None]) -> Names:
        return tuple(None if value is None else self.name(value) for value in values)


def in_order(nodes: Sequence[NodeSketch]) -> list[NodeSketch]:
    """The same nodes, makers before readers."""
    maker = {name: item for item in nodes for name in item.outputs}
    done: dict[int, NodeSketch] = {}
    stack = list(reversed(nodes))
    while stack:
        item = stack[-1]
        above = [maker[name] for name in item.inputs if name is not None and name in maker]
        missing = [each for each in above if id(each) not in done and each is not item]
        if missing:
            stack += missing
            continue
        done.setdefault(id(item), item)
        stack.pop()
    return list(done.values())


def unsuitable(nodes: Iterable[NodeSketch]) -> str:
    """Why some of the nodes cannot be cut out of their graph; empty when all can."""
    for sketch in nodes:
        node = sketch.node
        for attribute in sketch.attributes:
            if attribute.is_ref():
                return f"{node.op_type} has an attribute that is a parameter of a function"
            if attribute.type in (ir.AttributeType.GRAPH, ir.AttributeType.GRAPHS):
                return f"{node.op_type} holds a subgraph"
        if node.op_type in _RANDOM and node.domain in ("", "ai.onnx"):
            return f"{node.op_type} is random"
    return ""


_RANDOM = frozenset(
    {
        "Bernoulli", "Dropout", "Multinomial", "RandomNormal", "RandomNormalLike",
        "RandomUniform", "RandomUniformLike",
    }
)  # fmt: skip


def _reads(nodes: Iterable[NodeSketch]) -> list[str]:
    nodes = tuple(nodes)
    made = {name for sketch in nodes for name in sketch.outputs}
    return [name for s in nodes for name in s.inputs if name is not None and name not in made]


def _outside(name: str, nodes: Iterable[NodeSketch]) -> tuple[str, ...]:
    return () if any(name in sketch.outputs for sketch in nodes) else (name,)

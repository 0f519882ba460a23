"""What the rules look at: a model traversed once, with its target."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import onnx_ir as ir

from graphfix.ops import OPERATORS
from graphfix.rewrite import constant_array, constant_tensor, node_label
from graphfix.rewrite.bounds import Interval, derive
from graphfix.rewrite.subgraphs import subgraphs_of, subgraphs_of_node
from graphfix.target import Profile

DEFAULT_DOMAIN = ("", "ai.onnx")
_RANDOM = {"Bernoulli", "Multinomial", "RandomNormalLike", "RandomUniformLike", "Dropout"}
_ASCEND = {(operator.domain, operator.name) for operator in OPERATORS.values()}


class View:
    """A model as its target will read it. Types and shapes are expected to be inferred.

    Nodes are those of the main graph and of the graphs inside ``If`` and its like. Bodies of
    functions are left out: ATC does not read them.
    """

    def __init__(self, model: ir.Model, profile: Profile, path: Path | None = None) -> None:
        self.model = model
        self.profile = profile
        self.path = path
        """The file the model came from, when it came from one."""

    @property
    def imports(self) -> Mapping[str, int]:
        """Opset versions by domain; the default domain is ``""``."""
        return self.model.opset_imports

    @property
    def opset(self) -> int:
        """The version of the default domain; 0 when the model does not import it."""
        return self.imports.get("", 0)

    @cached_property
    def bounds(self) -> Mapping[str, Interval]:
        """Bounds of the values of the main graph, by name, where any are known."""
        return derive(self.model)

    @cached_property
    def nodes(self) -> Sequence[ir.Node]:
        """All nodes, in the order of the graph, each before those inside it."""
        return tuple(self._paths)

    @cached_property
    def graphs(self) -> Sequence[ir.Graph]:
        """The main graph, and those inside nodes."""
        inner = (
            g for node in self.nodes for a in node.attributes.values() for g in subgraphs_of(a)
        )
        return (self.model.graph, *inner)

    def of(self, *op_types: str) -> Iterator[ir.Node]:
        """The nodes of operators of the default domain: one operator after the other."""
        for op_type in op_types:
            yield from self._by_operator.get(op_type, ())

    @property
    def operators(self) -> Iterable[str]:
        """The operators of the default domain that there are."""
        return self._by_operator.keys()

    def label(self, node: ir.Node) -> str:
        """The node's name, with those of the nodes it is inside of."""
        return self._paths[node]

    @staticmethod
    def dialect(node: ir.Node) -> tuple[str, str]:
        """Domain and operator that ATC will see: lowering moves the calls of ``ascend`` over."""
        if (node.domain, node.op_type) in _ASCEND:
            return "", node.op_type
        return ("" if node.domain in DEFAULT_DOMAIN else node.domain), node.op_type

    @cached_property
    def functions(self) -> Collection[tuple[str, str]]:
        """Domain and name of the model's functions that stay functions when it is lowered."""
        return {key[:2] for key in self.model.functions} - _ASCEND

    @property
    def lowered_domains(self) -> Collection[str]:
        """Domains whose operators lowering moves to the default one."""
        return {domain for domain, _ in _ASCEND}

    def labels(self, nodes: Iterable[ir.Node]) -> tuple[str, ...]:
        """The labels of several nodes."""
        return tuple(map(self.label, nodes))

    @staticmethod
    def constant(value: ir.Value | None) -> np.ndarray | None:
        """The array that a value has in every run, or ``None``."""
        return constant_array(value)

    @staticmethod
    def is_constant(value: ir.Value | None) -> bool:
        """Whether a value is the same in every run; its numbers are not read."""
        return constant_tensor(value) is not None

    @staticmethod
    def shape(value: ir.Value | None) -> tuple[int | None, ...] | None:
        """The sizes of a value, ``None`` for those not known; ``None`` without a rank."""
        if value is None or value.shape is None:
            return None
        return tuple(dim if isinstance(dim, int) else None for dim in value.shape)

    @staticmethod
    def input(node: ir.Node, index: int) -> ir.Value | None:
        """An input that is there; ``None`` when it is left out or empty."""
        return node.inputs[index] if index < len(node.inputs) else None

    @cached_property
    def foldable(self) -> Collection[ir.Node]:
        """Nodes of the main graph, in order, that compute the same in every run."""
        found: dict[ir.Node, None] = {}
        for node in self.model.graph:
            given = [value for value in node.inputs if value is not None]
            if (
                given
                and node.domain in DEFAULT_DOMAIN
                and node.op_type not in _RANDOM
                and all(v.producer() in found or self.is_constant(v) for v in given)
                and not any(subgraphs_of_node(node))
            ):
                found[node] = None
        return found.keys()

    @cached_property
    def weight_bytes(self) -> int:
        """Bytes of all initializers together."""
        return sum(
            value.const_value.nbytes
            for graph in self.graphs
            for value in graph.initializers.values()
            if value.const_value is not None
        )

    @property
    def external(self) -> bool:
        """Whether weights lie in files beside the model's: it is smaller than they are."""
        return self.path is not None and self.path.stat().st_size < self.weight_bytes

    @cached_property
    def _paths(self) -> Mapping[ir.Node, str]:
        found: dict[ir.Node, str] = {}
        pending: list[tuple[Iterator[ir.Node], str]] = [(iter(self.model.graph), "")]
        while pending:
            nodes, prefix = pending[-1]
            node = next(nodes, None)
            if node is None:
                pending.pop()
                continue
            label = found[node] = prefix + node_label(node)
            for name, attribute in reversed(tuple(node.attributes.items())):
                for graph in reversed(subgraphs_of(attribute)):
                    pending.append((iter(graph), f"{label}/{name}/"))
        return found

    @cached_property
    def _by_operator(self) -> Mapping[str, Sequence[ir.Node]]:
        found: dict[str, list[ir.Node]] = defaultdict(list)
        for node in self.nodes:
            if node.domain in DEFAULT_DOMAIN or (node.domain, node.op_type) in _ASCEND:
                found[node.op_type].append(node)
        return found

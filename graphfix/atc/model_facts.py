"""What a command line is held against: the inputs, outputs and names of a model."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx_ir as ir


@dataclass(frozen=True)
class ModelInput:
    """One input that is fed at run time."""

    name: str
    dims: tuple[int | None, ...] | None
    """``None`` for a dim that is not fixed; no dims at all where the model gives no shape."""
    dtype: str | None
    """ONNX element type in lower case; ``None`` for something else than a tensor."""

    @property
    def is_fixed(self) -> bool:
        """Whether every dim is known."""
        return self.dims is not None and None not in self.dims


@dataclass(frozen=True)
class ModelFacts:
    """What ATC finds in a model under the names that a command line uses."""

    path: Path
    size: int
    """Bytes of the file."""
    inputs: tuple[ModelInput, ...]
    """Without those that are initializers, which ATC takes for constants."""
    constants: frozenset[str]
    """Initializers, whether they are inputs or not."""
    outputs: tuple[str, ...]
    node_outputs: Mapping[str, int]
    """Node of the main graph, by the name that ATC gives or leaves it, to its number of outputs."""
    inner_nodes: frozenset[str]
    """Nodes inside ``If`` bodies."""
    op_types: frozenset[str]

    @property
    def node_names(self) -> frozenset[str]:
        """All of them."""
        return frozenset(self.node_outputs) | self.inner_nodes

    def input(self, name: str) -> ModelInput | None:
        """The input of that name."""
        return next((value for value in self.inputs if value.name == name), None)


def model_facts(model: ir.Model, path: Path) -> ModelFacts:
    """Collect the facts of ``model``, which was read from ``path``."""
    graph = model.graph
    main = list(graph)
    inner = [node for node in graph.all_nodes() if node.graph is not graph]
    names = _atc_names((*main, *inner))
    return ModelFacts(
        path,
        path.stat().st_size,
        tuple(_input(value) for value in graph.inputs if not value.is_initializer()),
        frozenset(graph.initializers),
        tuple(value.name or "" for value in graph.outputs),
        {name: len(node.outputs) for name, node in zip(names, main, strict=False)},
        frozenset(names[len(main) :]),
        frozenset(node.op_type for node in (*main, *inner)),
    )


def _atc_names(nodes: Sequence[ir.Node]) -> list[str]:
    """The names of nodes; those without one are called ``Conv_0``, ``Relu_1``, … as ATC does.

    Source: hicann/ge: parser/parser/onnx/onnx_parser.cc (UpdateNodeNameAndOpType).
    """
    unnamed = itertools.count()
    return [node.name or f"{node.op_type}_{next(unnamed)}" for node in nodes]


def _input(value: ir.Value) -> ModelInput:
    is_tensor = isinstance(value.type, ir.TensorType)
    dtype = value.dtype.name.lower() if is_tensor and value.dtype is not None else None
    if value.shape is None:
        return ModelInput(value.name or "", None, dtype)
    dims = tuple(dim if isinstance(dim, int) else None for dim in value.shape)
    return ModelInput(value.name or "", dims, dtype)

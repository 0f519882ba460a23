"""Compute nodes whose inputs are constants: cut out into a model of their own, and run together."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
import onnx_ir as ir

from graphfix.model import infer_shapes
from graphfix.model.tensors import byte_count
from graphfix.rewrite import constant_tensor
from graphfix.rewrite.symbolic import Facts
from graphfix.runners.onnxruntime import NotRunnable, Session

_FORMAT: Final = 10
"""Of the models that are run; every onnxruntime that graphfix takes reads it."""

Tensors = dict[ir.Value, ir.TensorProtocol]


class Region:
    """Nodes by themselves, and the sizes of what they make.

    ``nodes`` are in an order in which they can run, from any graphs of one model, of the default
    domain, without subgraphs. Each input is made by one of them, is in ``tensors``, or is a
    constant of the model. What the model says of shapes does not come along.
    """

    def __init__(
        self, nodes: Iterable[ir.Node], tensors: Tensors, opset_imports: Mapping[str, int]
    ) -> None:
        self._tensors = tensors
        self._twins: dict[ir.Value, ir.Value] = {}
        self._weights: list[ir.Value] = []
        graph = ir.Graph(
            (),
            (),
            nodes=[self._copy(number, node) for number, node in enumerate(nodes)],
            initializers=self._weights,
            opset_imports=dict(opset_imports),
            name="constants",
        )
        self._model = ir.Model(graph, ir_version=_FORMAT)

    def _copy(self, number: int, node: ir.Node) -> ir.Node:
        inputs = [None if value is None else self._input(value) for value in node.inputs]
        outputs = [self._twin(value) for value in node.outputs]
        attributes = node.attributes.values()
        return ir.Node("", node.op_type, inputs, attributes, outputs=outputs, name=f"n{number}")

    def _twin(self, value: ir.Value) -> ir.Value:
        name = f"v{len(self._twins)}" if value.name else ""
        twin = self._twins[value] = ir.Value(name=name)
        return twin

    def _input(self, value: ir.Value) -> ir.Value:
        if value in self._twins:
            return self._twins[value]
        tensor = known_tensor(value, self._tensors)
        assert tensor is not None, "the caller has seen to it"
        twin = self._twin(value)
        twin.const_value = tensor
        twin.type, twin.shape = ir.TensorType(tensor.dtype), ir.Shape(tensor.shape.numpy())
        self._weights.append(twin)
        return twin

    @cached_property
    def _facts(self) -> Facts:
        infer_shapes(self._model)
        return Facts(self._model)

    def dtype(self, value: ir.Value) -> ir.DataType | None:
        """The element type of a tensor that a node reads or makes, where inference tells it.

        Raises:
            ModelError: the shapes contradict each other.
        """
        assert self._facts is not None  # inference has run
        type_ = self._twins[value].type
        return type_.dtype if isinstance(type_, ir.TensorType) else None

    def dims(self, value: ir.Value) -> tuple[int, ...] | None:
        """The dims of a value that a node reads or makes, ``None`` where only running tells.

        Raises:
            ModelError: the shapes contradict each other.
        """
        dims = self._facts.dims(self._twins[value])
        fixed = tuple(dim for dim in dims or () if isinstance(dim, int))
        return fixed if dims is not None and len(fixed) == len(dims) else None

    def nbytes(self, value: ir.Value) -> int | None:
        """The bytes of a value that a node reads or makes, ``None`` where only running tells.

        Raises:
            ModelError: the shapes contradict each other.
        """
        dims, dtype = self.dims(value), self.dtype(value)
        if dims is None or dtype is None or dtype == ir.DataType.STRING:
            return None
        return byte_count(dtype, dims)

    def run(self, wanted: Sequence[ir.Value]) -> Tensors:
        """Run all nodes once and return these outputs.

        Raises:
            NotRunnable: onnxruntime refuses a node, or it fails.
        """
        if not wanted:
            return {}
        names = [self._twins[value].name or "" for value in wanted]
        found = Session(self._model, outputs=names).run({})
        results: Tensors = {}
        for value, name in zip(wanted, names, strict=True):
            array = found[name]
            if not isinstance(array, np.ndarray):
                raise NotRunnable("its result is no tensor")
            results[value] = ir.tensor(array)
        return results


def known_tensor(value: ir.Value, tensors: Tensors) -> ir.TensorProtocol | None:
    """What ``value`` always is: a computed tensor, or a constant of the model."""
    tensor = tensors.get(value)
    return constant_tensor(value) if tensor is None else tensor


@dataclass
class Computed:
    """What became of some nodes; those in neither field need one that failed."""

    done: set[ir.Node] = field(default_factory=set)
    failed: dict[ir.Node, str] = field(default_factory=dict)
    """Nodes that onnxruntime does not run, with its message."""


def compute(
    nodes: Sequence[ir.Node], tensors: Tensors, opset_imports: Mapping[str, int]
) -> Computed:
    """Run nodes (see :class:`Region`); what others read of them is added to ``tensors``.

    One session runs them all. Where onnxruntime refuses, halves are run, down to the node at fault,
    and no other node with its operator and types is tried after that.
    """
    result = Computed()
    hopeless: set[Hashable] = set()
    stack = [nodes]
    while stack:
        batch = runnable((n for n in stack.pop() if _kind(n) not in hopeless), tensors)
        try:
            tensors.update(Region(batch, tensors, opset_imports).run(_read_outside(batch)))
            result.done.update(batch)
        except NotRunnable as error:
            if len(batch) > 1:
                middle = len(batch) // 2
                stack += [batch[middle:], batch[:middle]]
                continue
            result.failed[batch[0]] = str(error)
            hopeless.add(_kind(batch[0]))
    return result


def runnable(nodes: Iterable[ir.Node], tensors: Tensors) -> list[ir.Node]:
    """Those of which all inputs are known or made by others of them."""
    made: set[ir.Value] = set()
    kept = []
    for node in nodes:
        if all(
            value is None or value in made or known_tensor(value, tensors) is not None
            for value in node.inputs
        ):
            kept.append(node)
            made.update(node.outputs)
    return kept


def _kind(node: ir.Node) -> Hashable:
    types = (None if value is None else value.dtype for value in node.inputs)
    return node.op_type, tuple(types), len(node.outputs)


def _read_outside(nodes: Iterable[ir.Node]) -> list[ir.Value]:
    """The outputs that others read."""
    inside = set(nodes)
    return [
        value
        for node in inside
        for value in node.outputs
        if value.is_graph_output() or any(use.node not in inside for use in value.uses())
    ]

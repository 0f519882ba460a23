"""Small models from sketches: one side of one site, or of many sites at once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir

from graphfix.rewrite.site import NodeSketch, Site

_IR_VERSION = 10


@dataclass(frozen=True)
class Part:
    """The nodes of one side of a site."""

    site: Site
    nodes: tuple[NodeSketch, ...]
    wanted: tuple[str, ...]
    """Values the nodes make that become outputs."""
    keys: Mapping[str, str]
    """Name in the site of what comes from around it, to the name of the model's input."""
    prefix: str = ""
    """Put before the names of what the nodes make, which differ from part to part."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the wanted values in the model."""
        return tuple(self.prefix + name for name in self.wanted)


def made_by(nodes: Iterable[NodeSketch]) -> set[str]:
    """Names of everything the nodes make."""
    return {name for sketch in nodes for name in sketch.outputs if name}


def build(parts: Sequence[Part], arrays: Mapping[str, Any]) -> ir.Model:
    """A model of all parts side by side, which share inputs and constants.

    ``arrays`` are examples of the inputs: they give dtypes and ranks. All parts are from one
    model: same opsets, same functions. Weights are referred to, not copied.
    """
    inputs: dict[str, ir.Value] = {}
    constants: dict[str, ir.Value] = {}
    nodes: list[ir.Node] = []
    outputs: list[ir.Value] = []
    functions: dict[ir.OperatorIdentifier, ir.Function] = {}
    for part in parts:
        made: dict[str, ir.Value] = {}
        for item in part.nodes:
            read = [_value(name, part, made, inputs, constants, arrays) for name in item.inputs]
            nodes.append(_node(item, read, part.prefix, made))
        outputs += [made[name] for name in part.wanted]
        functions.update((function.identifier(), function) for function in part.site.functions)
    for k, node in enumerate(nodes):
        node.name = f"n{k}"
    graph = ir.Graph(
        list(inputs.values()),
        outputs,
        nodes=nodes,
        initializers=list(constants.values()),
        opset_imports=dict(parts[0].site.opset_imports),
        name="region",
    )
    return ir.Model(graph, ir_version=_IR_VERSION, functions=list(functions.values()))


def _node(
    item: NodeSketch, read: Sequence[ir.Value | None], prefix: str, made: dict[str, ir.Value]
) -> ir.Node:
    outputs = []
    for name, old in zip(item.outputs, item.node.outputs, strict=True):
        value = ir.Value(name=prefix + name if name else "", type=old.type)
        if name:
            made[name] = value
        outputs.append(value)
    node = item.node
    return ir.Node(
        node.domain, node.op_type, read, item.attributes, overload=node.overload, outputs=outputs
    )


def _value(
    name: str | None,
    part: Part,
    made: Mapping[str, ir.Value],
    inputs: dict[str, ir.Value],
    constants: dict[str, ir.Value],
    arrays: Mapping[str, Any],
) -> ir.Value | None:
    if name is None:
        return None
    if name in made:
        return made[name]
    tensor = part.site.constants.get(name)
    if tensor is not None:
        if name not in constants:
            constants[name] = ir.Value(
                name=name,
                type=ir.TensorType(tensor.dtype),
                shape=ir.Shape(tuple(tensor.shape.numpy())),
                const_value=tensor,
            )
        return constants[name]
    key = part.keys[name]
    if key not in inputs:
        array = arrays[key]
        shape = ir.Shape([None] * array.ndim)
        inputs[key] = ir.Value(name=key, type=ir.TensorType(_dtype(array)), shape=shape)
    return inputs[key]


def _dtype(array: np.ndarray[Any, Any]) -> ir.DataType:
    if array.dtype.kind in "OUS":
        return ir.DataType.STRING
    return ir.DataType.from_numpy(array.dtype)

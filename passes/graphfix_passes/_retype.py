"""A node in another element type, between Casts: what passes that change types share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from graphfix.rewrite import Rewriter, constant_tensor
from graphfix.rewrite.opsets.schemas import parameters, type_name
from graphfix.rewrite.subgraphs import subgraphs_of_node

MOVES = frozenset(
    {"Cast", "Flatten", "Identity", "Reshape", "Shape", "Size", "Squeeze", "Unsqueeze"}
)
"""They compute nothing: no gain in another type, unless their input comes in it already."""

_LIKE = frozenset({"Bernoulli", "BitCast", "EyeLike", "RandomNormalLike", "RandomUniformLike"})
"""The type of their input has to do with that of their output, and no schema says so."""


@dataclass(frozen=True)
class Variable:
    """A type variable of an operator, and the ports of a node that have its type."""

    name: str
    dtype: ir.DataType
    """What it stands for at this node."""
    types: frozenset[str]
    """What it may stand for, in the spelling of the schemas."""
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    def allows(self, dtype: ir.DataType) -> bool:
        """Whether the operator takes tensors of this type instead."""
        return type_name(ir.TensorType(dtype)) in self.types


def variables(node: ir.Node, rw: Rewriter) -> list[Variable]:
    """The type variables of an ONNX operator that its inputs tell.

    Those of unknown type are left out, and all of a node that holds graphs, reads or makes a
    sequence, or makes something of a type that no variable tells.
    """
    signature = parameters(node.op_type, rw.opset)
    values = (*node.inputs, *node.outputs)
    if (
        signature is None
        or node.op_type in _LIKE
        or any(subgraphs_of_node(node))
        or any(isinstance(v.type, (ir.SequenceType, ir.OptionalType)) for v in values if v)
    ):
        return []
    formal_inputs, formal_outputs = signature
    inputs: dict[str, list[int]] = {}
    types: dict[str, frozenset[str]] = {}
    for port, value in enumerate(node.inputs):
        formal = formal_inputs[min(port, len(formal_inputs) - 1)]
        if value is not None and formal.homogeneous:
            inputs.setdefault(formal.variable, []).append(port)
            types[formal.variable] = formal.types
    found = []
    for name, ports in inputs.items():
        kinds = {_dtype(node.inputs[port]) for port in ports}
        (dtype,) = kinds if len(kinds) == 1 else (None,)
        if dtype is not None:
            last = len(formal_outputs) - 1
            outputs = [
                k
                for k in range(len(node.outputs))
                if last >= 0 and formal_outputs[min(k, last)].variable == name
            ]
            found.append(Variable(name, dtype, types[name], tuple(ports), tuple(outputs)))
    return found


def _dtype(value: ir.Value | None) -> ir.DataType | None:
    return value.dtype if value is not None and isinstance(value.type, ir.TensorType) else None


def comes_as(value: ir.Value | None, dtype: ir.DataType, rw: Rewriter) -> ir.Value | None:
    """What a value was in ``dtype`` before a Cast to its present type."""
    cast = rw.producer(value, "Cast")
    source = cast.inputs[0] if cast is not None else None
    return source if _dtype(source) == dtype else None


def follows(node: ir.Node, variable: Variable, to: ir.DataType, rw: Rewriter) -> bool:
    """Whether something the node reads comes in ``to`` already, and the rest is constant."""
    values = [node.inputs[port] for port in variable.inputs]
    computed = [value for value in values if constant_tensor(value) is None]
    return bool(computed) and all(comes_as(value, to, rw) for value in computed)


def doubt(node: ir.Node, found: Sequence[Variable], rw: Rewriter) -> str:
    """That the node reads something of which nobody knows whether another type holds it."""
    for variable in found:
        for port in variable.inputs:
            value = node.inputs[port]
            if value is not None and ("doubt", value) in rw.memory:
                return f"it reads {value.name!r}, whose numbers may not fit"
    return ""


def cast_doubt(
    node: ir.Node, found: Sequence[Variable], rw: Rewriter, but: Sequence[ir.Value] = ()
) -> None:
    """Have readers of the node's results, ``but`` for some, leave them alone."""
    for variable in found:
        for port in variable.outputs:
            if node.outputs[port] not in but:
                rw.memory["doubt", node.outputs[port]] = True


def retype(
    node: ir.Node,
    chosen: Sequence[Variable],
    to: ir.DataType,
    rw: Rewriter,
    watch: Callable[[ir.Value, ir.Value], None] = lambda new, old: None,
) -> Mapping[ir.Value, ir.Value]:
    """Restate the node with ``chosen`` type variables as ``to``, and Casts back behind it.

    ``watch`` is told of every computed value that gets another type: the new one and the old one.
    """
    inputs = list(node.inputs)
    for variable in chosen:
        for port in variable.inputs:
            value = node.inputs[port]
            assert value is not None, "ports of variables are those that are given"
            inputs[port] = _input_as(value, to, node, rw, watch)
    if node.op_type == "Cast" and rw.attr_int(node, "to", 0) == to:
        assert inputs[0] is not None
        return {node.outputs[0]: inputs[0]}
    made = rw.restate(node, inputs)
    replaced = dict(zip(node.outputs, made, strict=True))
    for variable in chosen:
        for port in variable.outputs:
            old = node.outputs[port]
            _describe(made[port], old, to)
            watch(made[port], old)
            replaced[old] = rw.op("Cast", made[port], to=int(variable.dtype))
    return replaced


def _input_as(
    value: ir.Value,
    to: ir.DataType,
    node: ir.Node,
    rw: Rewriter,
    watch: Callable[[ir.Value, ir.Value], None],
) -> ir.Value:
    """One new value for all readers in a graph."""
    if (source := comes_as(value, to, rw)) is not None:
        return source
    key = ("as", value, node.graph)
    known = rw.memory.get(key)
    if isinstance(known, ir.Value) and _stands(known):
        return known
    array = rw.constant(value)
    if array is not None:
        new = rw.const(converted(array, to))
    else:
        new = _computed_as(value, to, rw)
        _describe(new, value, to)
        watch(new, value)
    rw.memory[key] = new
    return new


def _computed_as(value: ir.Value, to: ir.DataType, rw: Rewriter) -> ir.Value:
    """A Cast of the value, or what makes the value, told to make ``to``."""
    maker = rw.producer(value, "Cast", "ConstantOfShape")
    if maker is None:
        return rw.op("Cast", value, to=int(to))
    if maker.op_type == "Cast":
        return rw.op("Cast", maker.inputs[0], to=int(to))
    fill = maker.attributes.get("value")
    if fill is None or fill.is_ref():
        return rw.op("Cast", value, to=int(to))
    fill_value = ir.tensor(converted(fill.as_tensor().numpy(), to))
    return rw.op("ConstantOfShape", maker.inputs[0], value=fill_value)


def _stands(value: ir.Value) -> bool:
    """Whether a value that was made here has not gone since."""
    producer = value.producer()
    return value.is_initializer() if producer is None else producer.graph is not None


def converted(array: np.ndarray, to: ir.DataType) -> np.ndarray:
    """The numbers in another type; integers that it does not hold become its ends."""
    dtype = to.numpy()
    if np.issubdtype(dtype, np.integer):
        ends = np.iinfo(dtype)
        array = np.clip(array, ends.min, ends.max)
    return array.astype(dtype)


def _describe(new: ir.Value, old: ir.Value, dtype: ir.DataType) -> None:
    new.type = ir.TensorType(dtype)
    new.shape = None if old.shape is None else old.shape.copy()

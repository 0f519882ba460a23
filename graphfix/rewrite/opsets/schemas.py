"""What the installed onnx says about the operators of the default domain, version by version."""

from dataclasses import dataclass
from functools import cache

import onnx
import onnx_ir as ir

_ELEMENT_NAMES = {ir.DataType.FLOAT: "float", ir.DataType.DOUBLE: "double"}


@cache
def history(op_type: str) -> tuple[int, ...]:
    """The opsets in which the operator appeared or changed, oldest first; empty when unknown."""
    return _histories().get(op_type, ())


@cache
def _histories() -> dict[str, tuple[int, ...]]:
    found: dict[str, list[int]] = {}
    for schema in onnx.defs.get_all_schemas_with_history():
        if schema.domain == "":
            found.setdefault(schema.name, []).append(schema.since_version)
    return {name: tuple(sorted(versions)) for name, versions in found.items()}


@cache
def changes(op_type: str, low: int, high: int) -> tuple[int, ...]:
    """The opsets above ``low``, up to ``high``, in which the operator appeared or changed."""
    return tuple(version for version in history(op_type) if low < version <= high)


@cache
def schema_at(op_type: str, opset: int) -> onnx.defs.OpSchema | None:
    """The definition that holds in ``opset``; ``None`` where there is none or it is deprecated."""
    try:
        found = onnx.defs.get_schema(op_type, opset, "")
    except onnx.defs.SchemaError:
        return None
    return None if found.deprecated else found


def type_name(type_: ir.TypeProtocol | None) -> str | None:
    """A type in the spelling of the schemas, such as ``seq(tensor(float16))``."""
    if isinstance(type_, ir.TensorType):
        return f"tensor({_ELEMENT_NAMES.get(type_.dtype, type_.dtype.name.lower())})"
    if isinstance(type_, (ir.SequenceType, ir.OptionalType)):
        kind = "seq" if isinstance(type_, ir.SequenceType) else "optional"
        return f"{kind}({type_name(type_.elem_type)})"
    return None


def misfit(node: ir.Node, opset: int) -> str | None:
    """The first input or output whose known type the definition in ``opset`` does not take.

    Parameters that share a type variable must have one type. Returns a sentence such as
    ``opset 11 has no Add for tensor(int8)``, or ``None``.
    """
    signature = parameters(node.op_type, opset)
    if signature is None:
        return f"opset {opset} has no {node.op_type}"
    bound: dict[str, str] = {}
    for values, side in zip((node.inputs, node.outputs), signature, strict=True):
        for index, value in enumerate(values if side else ()):
            name = type_name(value.type) if value is not None else None
            if name is None:
                continue
            parameter = side[min(index, len(side) - 1)]
            if name not in parameter.types:
                return f"opset {opset} has no {node.op_type} for {name}"
            variable = parameter.variable
            if parameter.homogeneous and bound.setdefault(variable, name) != name:
                first = bound[variable]
                return f"opset {opset} has no {node.op_type} for {first} with {name}"
    return None


@dataclass(frozen=True)
class Parameter:
    """One formal input or output; the last one may stand for many."""

    variable: str
    """The type variable, or the type when there is only one."""
    types: frozenset[str]
    homogeneous: bool
    """Whether everything with this variable must have one type."""


@cache
def parameters(
    op_type: str, opset: int
) -> tuple[tuple[Parameter, ...], tuple[Parameter, ...]] | None:
    """The formal inputs and outputs of an operator; ``None`` where the opset does not have it."""
    schema = schema_at(op_type, opset)
    if schema is None:
        return None
    inputs, outputs = (
        tuple(Parameter(item.type_str, frozenset(item.types), item.is_homogeneous) for item in side)
        for side in (schema.inputs, schema.outputs)
    )
    return inputs, outputs

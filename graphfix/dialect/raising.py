"""From what ATC reads to valid ONNX; also for files that scripts made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import onnx
import onnx_ir as ir

from graphfix.dialect import custom, grid_sample, integers, matmul, moved, optional, softmax
from graphfix.dialect.lowering import MARK
from graphfix.dialect.records import Journal, Report
from graphfix.dialect.scope import Scope
from graphfix.dialect.softmax import SoftmaxReading
from graphfix.errors import DialectError, PassError
from graphfix.ops import OPERATORS, Operator
from graphfix.rewrite.opsets import schemas
from graphfix.rewrite.upgrade import raise_opset


@dataclass(frozen=True)
class Raised:
    """A model in valid ONNX, and what was spelled differently in the file."""

    model: ir.Model
    report: Report


def looks_like_dialect(model: ir.Model) -> bool:
    """Whether graphfix lowered the model, or a node cannot be ONNX by its operator or types."""
    opset = model.graph.opset_imports.get("", 1)
    return MARK in model.metadata_props or any(
        node.domain == "" and (schemas.misfit(node, opset) is not None or _is_foreign_matmul(node))
        for node in model.graph.all_nodes()
    )


def raise_dialect(
    model: ir.Model,
    *,
    softmax_reading: SoftmaxReading = SoftmaxReading.ATC,
    operators: Mapping[str, Operator] | None = None,
) -> Raised:
    """Spell a model that ATC reads in valid ONNX; the model that is given stays as it is.

    ``operators`` are those of plugins, by the name that stands in the file. A model that is valid
    ONNX already comes back as it is, but for Softmax below opset 13, where ``softmax_reading``
    decides whose reading of ``axis`` holds. The opset rises when an operator needs that.

    Raises:
        DialectError: nodes whose meaning is not known, all of them with the reason.
    """
    model = model.clone()
    declared = [value.dtype for value in model.graph.outputs]
    known = {**OPERATORS, **(operators or {})}
    journal = Journal()
    scope = Scope.of(model, journal)
    for node in scope.nodes():
        # Before anything is inferred: without its axes a reduction has another shape.
        moved.raise_(node, scope)
    scope.knowledge.infer()
    opset = max((_raised_opset(node, scope.opset) for node in scope.nodes()), default=scope.opset)
    for node in scope.nodes():
        _spell(node, known, opset, softmax_reading, scope)
        if node.graph is not None:
            scope.knowledge.settle(node, scope.opset)
    _note_outputs(model, declared, journal)
    report = journal.report("the file cannot be read as ONNX")
    model.metadata_props.pop(MARK, None)
    if opset > scope.opset:
        _raise_opset(model, opset)
        journal.changed(None, f"opset raised to {opset}, which its operators need")
        report = journal.report("")
    return Raised(model, report)


def _raised_opset(node: ir.Node, opset: int) -> int:
    if node.domain != "":
        return opset
    if node.op_type in OPERATORS:
        return custom.raised_opset(node, opset)
    return grid_sample.raised_opset(node, opset)


def _raise_opset(model: ir.Model, opset: int) -> None:
    try:
        raise_opset(model, opset)
    except PassError as error:
        raise DialectError(
            f"an operator of the file needs opset {opset}, and it cannot be raised: {error}"
        ) from error


def _note_outputs(
    model: ir.Model, declared: Sequence[ir.DataType | None], journal: Journal
) -> None:
    """What reads the outputs of a model must know when their types have changed."""
    for value, dtype in zip(model.graph.outputs, declared, strict=True):
        maker = value.producer()
        if maker is None or dtype is None or value.dtype is None or value.dtype == dtype:
            continue
        journal.note(maker, f"output {value.name!r} is {value.dtype.name} now, not {dtype.name}")


def _is_foreign_matmul(node: ir.Node) -> bool:
    return node.op_type == "MatMul" and matmul.is_foreign(node)


def _spell(
    node: ir.Node,
    known: Mapping[str, Operator],
    opset: int,
    reading: SoftmaxReading,
    scope: Scope,
) -> None:
    if node.op_identifier() in scope.model.functions:
        return
    schema = schemas.schema_at(node.op_type, scope.opset) if node.domain == "" else None
    operator = known.get(node.op_type)
    if operator is not None and node.domain in ("", operator.domain) and schema is None:
        custom.raise_(node, operator, opset, scope)
    elif node.domain != "":
        return
    elif grid_sample.is_foreign(node, scope.opset):
        grid_sample.raise_(node, opset, scope)
    elif schema is None:
        scope.journal.refuse(node, _unknown(node.op_type, scope.opset))
    elif (malformed := _malformed(node, schema)) is not None:
        scope.journal.refuse(node, malformed)
    elif node.op_type in softmax.OPERATORS and scope.opset < softmax.FIRST_ALIKE:
        softmax.raise_(node, reading, scope)
    elif _is_foreign_matmul(node):
        matmul.raise_(node, scope)
    else:
        optional.raise_(node, scope)
        integers.widen(node, scope)


def _malformed(node: ir.Node, schema: onnx.defs.OpSchema) -> str | None:
    """What is wrong with a node whatever dialect it is in; the forms rely on the rest."""
    for index, formal in enumerate(schema.inputs):
        given = node.inputs[index] if index < len(node.inputs) else None
        if formal.option == onnx.defs.OpSchema.FormalParameterOption.Single and given is None:
            if (node.op_type, formal.name) == ("Resize", "roi"):
                continue
            return f"its input {formal.name} is missing"
    for name, attribute in node.attributes.items():
        known = schema.attributes.get(name)
        wanted = str(known.type).rpartition(".")[2] if known is not None else ""
        if wanted not in ("", attribute.type.name):
            return f"its attribute {name} is {attribute.type.name}; ONNX has {wanted} there"
    return None


def _unknown(op_type: str, opset: int) -> str:
    versions = schemas.history(op_type)
    if not versions:
        return (
            "neither ONNX nor graphfix has this operator; a plugin can say what it computes "
            "(operators= in its table), then give it with --plugin"
        )
    if versions[0] > opset:
        return f"ONNX has it from opset {versions[0]} on, and the file is in opset {opset}"
    return f"opset {opset} of ONNX does not have it any more"

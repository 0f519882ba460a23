"""From valid ONNX to what ATC of one target reads."""

from dataclasses import dataclass

import onnx_ir as ir

from graphfix.dialect import (
    attributes,
    branches,
    constants,
    custom,
    functions,
    grid_sample,
    imports,
    integers,
    names,
    optional,
    softmax,
)
from graphfix.dialect.records import Journal, Report
from graphfix.dialect.scope import Scope
from graphfix.target import Profile

MARK = "graphfix.dialect"
"""Key of ``metadata_props`` that says for which target a file was lowered; ATC ignores it."""


@dataclass(frozen=True)
class Lowered:
    """A model in the dialect, and what is spelled differently in it."""

    model: ir.Model
    report: Report


def lower(model: ir.Model, profile: Profile, *, narrow: bool = False) -> Lowered:
    """Spell a model for ATC; the model that is given stays as it is.

    ``narrow`` also writes constant shapes, counts and pads in int32 where they fit, as old scripts
    do; nothing in ATC asks for it. What ATC refuses in any spelling is left for the audit.

    Raises:
        DialectError: nodes that have no spelling for this target, all of them with the reason.
    """
    model = model.clone()
    journal = Journal()
    functions.inline(model, lambda function: custom.is_spelled(function, profile), journal)
    optional.name_outputs(model, journal)
    scope = Scope.of(model, journal)
    scope.knowledge.infer()
    for node in scope.nodes():
        _spell(node, profile, scope, narrow=narrow)
        if node.graph is not None:
            scope.knowledge.settle(node, scope.opset)
    branches.hand_on_captures(scope)
    imports.reduce_imports(profile, scope)
    names.name_nodes(scope)
    report = journal.report(f"the model cannot be written for {profile.name}")
    model.metadata_props[MARK] = profile.name
    return Lowered(model, report)


def _spell(node: ir.Node, profile: Profile, scope: Scope, *, narrow: bool) -> None:
    function = scope.model.functions.get(node.op_identifier())
    if function is not None:
        custom.lower(node, function, profile, scope)
    elif node.op_type == "GridSample" and node.domain in ("", "com.microsoft"):
        grid_sample.lower(node, profile, scope)
    elif node.domain != "":
        return
    elif node.op_type in softmax.OPERATORS and scope.opset < softmax.FIRST_ALIKE:
        softmax.lower(node, scope)
    elif node.op_type == "Constant":
        constants.lower(node, scope)
    else:
        if node.op_type == "ConstantOfShape":
            constants.lower_fill(node, scope)
        attributes.lower(node, profile, scope)
        optional.lower(node, scope)
        if narrow:
            integers.narrow(node, scope)

"""Calls of functions that ATC has no operator for: ATC drops functions, so they are inlined.

Its parser knows no ``ModelProto.functions`` (hicann/ge: graph_metadef/proto/onnx/ge_onnx.proto).
"""

from collections.abc import Callable

import onnx_ir as ir
from onnx_ir.passes.common import InlinePass

from graphfix.dialect.records import Journal
from graphfix.errors import DialectError
from graphfix.rewrite.rewriter import Names


def inline(model: ir.Model, keep: Callable[[ir.Function], bool], journal: Journal) -> None:
    """Put the body of every other function in the place of its calls, in place.

    Raises:
        DialectError: functions call each other in a circle, or take graphs as attributes.
    """
    called = [
        node
        for node in model.graph.all_nodes()
        if (function := model.functions.get(node.op_identifier())) and not keep(function)
    ]
    if not called:
        return
    for node in called:
        journal.changed(node, "function inlined, as ATC reads none")
    names = Names(model)
    for function in model.functions.values():
        if not keep(function):
            _prepare(function, model, names)
    try:
        InlinePass(criteria=lambda function: not keep(function))(model)
    except (ValueError, ir.passes.InvariantError, ir.passes.PassError) as error:
        raise DialectError(
            f"a function cannot be inlined, and ATC reads none: {error}; inline it before"
        ) from error
    _rename_twins(model)


def _prepare(function: ir.Function, model: ir.Model, names: Names) -> None:
    """Give nodes and values of a body names of their own, and its operators the model's opset.

    ONNX lets a function import another opset only when its operators are the same in both.
    """
    for domain in tuple(function.opset_imports):
        function.opset_imports[domain] = model.opset_imports.get(
            domain, function.opset_imports[domain]
        )
    for node in function.all_nodes():
        node.name = names.fresh(f"{function.name}/{node.name or node.op_type}")
        for value in node.outputs:
            if value.name:
                value.name = names.fresh(f"{function.name}/{value.name}")


def _rename_twins(model: ir.Model) -> None:
    """Inlining counts per graph; a value may have got the name of one in another graph."""
    names, seen = Names(model), {value.name for value in model.graph.inputs}
    for graph in model.graphs():
        inner = () if graph is model.graph else graph.inputs
        for value in (*inner, *(value for node in graph for value in node.outputs)):
            if value.name and value.name in seen and value not in model.graph.outputs:
                value.name = names.fresh(value.name)
            seen.add(value.name)

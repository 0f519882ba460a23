"""Inputs and outputs that are left out in the middle of a node.

ATC keys every left-out name under the empty one: with an output left out anywhere, all inputs left
out are wired to it; inside a branch of If a left-out input is an error (hicann/ge: onnx_parser.cc,
ConstructInputOutputContext and SetOperatorInputs; parser/onnx/subgraph_adapter).
"""

from typing import Final

import numpy as np
import onnx_ir as ir

from graphfix.dialect.records import Journal
from graphfix.dialect.scope import Scope
from graphfix.rewrite.rewriter import Names

_EMPTY: Final = {("Resize", 1), ("Resize", 2)}
"""Inputs for which an empty float tensor says the same as nothing."""


def name_outputs(model: ir.Model, journal: Journal) -> None:
    """Give every output that is left out a name."""
    names: Names | None = None
    for node in model.graph.all_nodes():
        for index, value in enumerate(node.outputs):
            if not value.name:
                names = names or Names(model)
                value.name = names.fresh(f"{node.name or node.op_type}_out{index}")
                journal.changed(node, f"output {index} named, which was left out")


def lower(node: ir.Node, scope: Scope) -> None:
    """Inside a branch, fill what is left out."""
    if node.graph is scope.model.graph:
        return
    for index in _left_out(node):
        if not _fill(node, index, scope):
            scope.journal.refuse(
                node,
                f"its input {index} is left out, which ATC refuses inside a branch; give a value, "
                f"or fold the If",
            )


def raise_(node: ir.Node, scope: Scope) -> None:
    """Before opset 13 Resize must have its roi; scripts leave it out, ATC takes that."""
    if node.op_type == "Resize" and 11 <= scope.opset < 13:
        for index in _left_out(node):
            _fill(node, index, scope)


def _left_out(node: ir.Node) -> list[int]:
    last = max((k for k, value in enumerate(node.inputs) if value is not None), default=-1)
    return [k for k in range(last) if node.inputs[k] is None]


def _fill(node: ir.Node, index: int, scope: Scope) -> bool:
    dtype = node.outputs[0].dtype
    if (node.op_type, index) in _EMPTY:
        data = np.zeros(0, np.float32)
    elif (node.op_type, index) == ("Clip", 1) and dtype is not None:
        data = _lowest(dtype.numpy())
    else:
        return False
    rw = scope.at(node)
    node.replace_input_with(index, rw.const(data))
    rw.commit({})
    scope.journal.changed(node, f"input {index} filled, which was left out")
    return True


def _lowest(dtype: np.dtype) -> np.ndarray:
    """The lowest number of a type, which Clip has where ``min`` is left out."""
    info = np.iinfo(dtype) if dtype.kind in "iu" else np.finfo(dtype)
    return np.asarray(info.min, dtype)

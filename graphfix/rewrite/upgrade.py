"""Raising the opset of a model."""

import onnx
import onnx_ir as ir

from graphfix.errors import ModelError, PassError
from graphfix.model import infer_shapes
from graphfix.rewrite.base import PassContext
from graphfix.rewrite.opsets.compatible import NEWEST
from graphfix.rewrite.opsets.converter import convert
from graphfix.rewrite.opsets.raising import UP
from graphfix.rewrite.records import Rewrite

OLDEST = 7
"""The oldest opset whose nodes can be raised: the first with today's broadcasting."""


def raise_opset(model: ir.Model, to: int) -> tuple[Rewrite, ...]:
    """Raise the default domain to opset ``to`` in place: graph, subgraphs and functions.

    What is at ``to`` or above stays as it is. ``ir_version`` rises to the one that came with the
    opset. Other domains are untouched. Returns what was rewritten.

    Raises:
        PassError: nodes that cannot be expressed in ``to``, all listed; the model must then be
            discarded. Or the opset to start from or to reach is not one that is known here.
    """
    check_known(model, to, OLDEST)
    fill_types(model)
    rewrites, _ = convert(model, to, up=UP, context=PassContext())
    model.ir_version = max(model.ir_version or 0, ir_version_of(to))
    return rewrites


def check_known(model: ir.Model, to: int, oldest: int) -> None:
    """Refuse opsets whose changes nobody has reviewed.

    Raises:
        PassError: ``to`` or the opset of the model or of a function is out of range.
    """
    newest = min(NEWEST, onnx.defs.onnx_opset_version())
    if not oldest <= to <= newest:
        raise PassError(f"opset {to} is not one of {oldest} to {newest}")
    imports = (model.opset_imports, *(f.opset_imports for f in model.functions.values()))
    for opset in sorted({versions.get("", to) for versions in imports}):
        if not OLDEST <= opset <= newest:
            raise PassError(
                f"the model is in opset {opset}; conversion is known from {OLDEST} to {newest}"
            )


def fill_types(model: ir.Model) -> None:
    """Infer the types and shapes that adapters ask for; a model that contradicts itself keeps
    what it has."""
    try:
        infer_shapes(model)
    except ModelError:
        return


def ir_version_of(opset: int) -> int:
    """The ``ir_version`` of the first ONNX release that had this opset."""
    return min(row[1] for row in onnx.helper.VERSION_TABLE if row[2] >= opset)

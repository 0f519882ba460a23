"""The ``explicit-attrs`` pass: defaults that ATC does not share, written out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx_ir as ir

from graphfix.contract import Exact
from graphfix.rewrite import RewritePass, Rewriter, Skip
from graphfix.rewrite.opsets import schemas
from graphfix.rewrite.rewriter import AttrValue
from graphfix_passes._known import rank

_DEFAULTS: Mapping[str, tuple[str, ...]] = {
    "BatchNormalization": ("epsilon",),
    "GridSample": ("align_corners", "mode", "padding_mode"),
    "InstanceNormalization": ("epsilon",),
    "LayerNormalization": ("axis", "epsilon"),
    "LogSoftmax": ("axis",),
    "Softmax": ("axis",),
}
"""The attributes to give their ONNX default, by operator."""

_LIMIT: Final = 2
"""The input ``max_output_boxes_per_class`` of NonMaxSuppression."""


@dataclass(frozen=True, kw_only=True)
class ExplicitAttrs(RewritePass):
    """Write out defaults that ATC demands, or for which it has another one than ONNX.

    Why
        ATC stops at a Transpose without ``perm``, takes the texts of a GridSample for empty when
        they are absent, and -1 for the axis of LogSoftmax, which is 1 before opset 13. It connects
        an input of NonMaxSuppression that is empty as if it was there. Epsilons are written out
        because the defaults of its operators differ between releases, which is an assumption.

    Rewrites
        1. Transpose: ``perm``, which turns all axes around.
        2. Softmax and LogSoftmax: ``axis``, 1 before opset 13 and -1 since.
        3. GridSample: ``mode``, ``padding_mode`` and ``align_corners``.
        4. BatchNormalization, InstanceNormalization and LayerNormalization: ``epsilon``, and the
           ``axis`` of the latter.
        5. NonMaxSuppression: an ``iou_threshold`` of 0 in front of a threshold of scores, and no
           empty inputs at the end.

    Leaves alone
        A Transpose of unknown rank. A NonMaxSuppression without a limit, which is 0 by default.
        Attributes and inputs that are there.
    """

    name = "explicit-attrs"
    match_ops = (*_DEFAULTS, "NonMaxSuppression", "Transpose")
    contract = Exact()
    must_match = False
    reads_shapes = True

    def rewrite(self, node: ir.Node, rw: Rewriter) -> Sequence[ir.Value] | Skip | None:
        """Restate the node with its defaults."""
        if node.op_type == "NonMaxSuppression":
            return _without_gaps(node, rw)
        if node.op_type != "Transpose":
            missing = _defaults(node, rw.opset)
        elif "perm" in node.attributes:
            return None
        elif (length := rank(node.inputs[0])) is not None:
            missing = {"perm": range(length)[::-1]} if length else {}
        else:
            return rw.skip("the rank of its input is not known")
        return rw.restate(node, attributes=missing) if missing else None


def _without_gaps(node: ir.Node, rw: Rewriter) -> Sequence[ir.Value] | Skip | None:
    """A NonMaxSuppression that leaves inputs out at the end alone."""
    if None not in node.inputs:
        return None
    given = list(node.inputs)
    while given and given[-1] is None:
        given.pop()
    if None in given[: _LIMIT + 1]:
        return rw.skip("it has no limit of boxes, which is 0 by default: it selects none")
    zero = rw.const(np.zeros(1, np.float32)) if None in given else None
    return rw.restate(node, [zero if value is None else value for value in given])


def _defaults(node: ir.Node, opset: int) -> Mapping[str, AttrValue]:
    """What ONNX defines for the attributes that are absent."""
    schema = schemas.schema_at(node.op_type, opset)
    declared = schema.attributes if schema is not None else {}
    return {
        name: ir.serde.deserialize_attribute(declared[name].default_value)
        for name in _DEFAULTS[node.op_type]
        if name in declared and name not in node.attributes
    }

"""Operators whose axes are an attribute in old opsets and an input in new ones."""

from collections.abc import Sequence

import onnx_ir as ir

from graphfix.rewrite import Rewriter

_INPUT_SINCE = 13
_REDUCTIONS_SINCE = 18
"""All but ReduceSum, which is of opset 13, too."""


def unsqueezed(rw: Rewriter, value: ir.Value, axes: Sequence[int]) -> ir.Value:
    """``value`` with dims of 1 at ``axes`` of the result."""
    if rw.opset >= _INPUT_SINCE:
        return rw.op("Unsqueeze", value, rw.const(list(axes)))
    return rw.op("Unsqueeze", value, axes=list(axes))


def squeezed(rw: Rewriter, value: ir.Value, axes: Sequence[int]) -> ir.Value:
    """``value`` without its dims of 1 at ``axes``."""
    if rw.opset >= _INPUT_SINCE:
        return rw.op("Squeeze", value, rw.const(list(axes)))
    return rw.op("Squeeze", value, axes=list(axes))


def reduced(
    rw: Rewriter, op_type: str, value: ir.Value, axes: Sequence[int], *, keep: bool = True
) -> ir.Value:
    """``value`` reduced over ``axes``, which stay as dims of 1 with ``keep``."""
    if rw.opset >= (_INPUT_SINCE if op_type == "ReduceSum" else _REDUCTIONS_SINCE):
        return rw.op(op_type, value, rw.const(list(axes)), keepdims=int(keep))
    return rw.op(op_type, value, axes=list(axes), keepdims=int(keep))

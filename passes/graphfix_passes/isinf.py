"""The ``isinf`` pass: one of the two infinities."""

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from graphfix.contract import Exact
from graphfix.rewrite import RewritePass, Rewriter, Skip

_EQUAL_TAKES_FLOATS_SINCE = 11


@dataclass(frozen=True, kw_only=True)
class Isinf(RewritePass):
    """Replace IsInf of one infinity by Equal.

    Why
        ATC stops at an IsInf whose ``detect_negative`` or ``detect_positive`` is not 1.

    Rewrites
        1. One side becomes Equal with the constant of that infinity.
        2. Neither side becomes Less of the input and itself, which never holds.

    Leaves alone
        An input of an unknown type, which the constant must have. Opset 10, where Equal takes no
        floats.
    """

    name = "isinf"
    match_ops = ("IsInf",)
    contract = Exact()
    must_match = False
    reads_shapes = True

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip | None:
        """Compare with what is looked for."""
        data = node.inputs[0]
        negative, positive = (
            rw.attr_int(node, name, 1) == 1 for name in ("detect_negative", "detect_positive")
        )
        if negative and positive:
            return None
        if not negative and not positive:
            return rw.op("Less", data, data)
        if rw.opset < _EQUAL_TAKES_FLOATS_SINCE:
            return rw.skip("Equal takes no floats in opset 10; opset{to=11} takes the model on")
        if data is None or data.dtype is None:
            return rw.skip("the type of its input is not known")
        infinity = np.array(np.inf if positive else -np.inf).astype(data.dtype.numpy())
        return rw.op("Equal", data, rw.const(infinity))

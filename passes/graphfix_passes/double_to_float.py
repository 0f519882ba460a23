"""The ``double-to-float`` pass: float32 where an export slipped into float64."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from graphfix.contract import Close
from graphfix.rewrite import RewritePass, Rewriter, Skip
from graphfix_passes._retype import MOVES, Variable, follows, retype, variables

_WIDE, _NARROW = ir.DataType.DOUBLE, ir.DataType.FLOAT


@dataclass(frozen=True, kw_only=True)
class DoubleToFloat(RewritePass):
    """Compute in float32 instead of float64.

    Why
        Hardly a kernel of the AI Core takes double; Floor, Sqrt and Maximum have none on the AI CPU
        either, and ATC stops. Mostly one constant of NumPy or one ``double()`` made a part of the
        network float64.

    Rewrites
        1. Every operator of ONNX that reads double and may read float: what it reads and makes
           becomes float. What one node hands to the next goes without a Cast; constants,
           ConstantOfShape and Casts to double give float at once.
        2. Cast, Identity, Reshape, Shape and others that compute nothing follow when what they
           read is float already.

    Leaves alone
        Graph inputs and outputs, behind or in front of a Cast. Operators that draw random numbers.
        Sequences. A constant beyond the range of float32, or a whole number that float32 rounds,
        as an identifier or a time would be.

    Numerics
        Every operation rounds to 24 bits instead of 53, as the rest of the network does. What a
        threshold or Floor makes of a number close to a border may jump, and so may the sine of a
        large number; the pass then fails.
    """

    name = "double-to-float"
    match_ops = ()
    contract = Close(rtol=1e-5)
    must_match = False
    reads_shapes = True

    def matches(self, node: ir.Node) -> bool:
        """Every operator of ONNX: only its inputs tell."""
        return node.domain in self.match_domains

    def rewrite(self, node: ir.Node, rw: Rewriter) -> Mapping[ir.Value, ir.Value] | Skip | None:
        """Restate the node in float32."""
        chosen = [
            variable
            for variable in variables(node, rw)
            if variable.dtype == _WIDE
            and variable.allows(_NARROW)
            and (node.op_type not in MOVES or follows(node, variable, _NARROW, rw))
        ]
        if not chosen:
            return None
        for variable in chosen:
            if reason := _obstacle(node, variable, rw):
                return rw.skip(reason)
        return retype(node, chosen, _NARROW, rw)


def _obstacle(node: ir.Node, variable: Variable, rw: Rewriter) -> str:
    """The number that float32 does not hold, or empty."""
    for port in variable.inputs:
        array = rw.constant(node.inputs[port])
        if array is None:
            continue
        finite = array[np.isfinite(array)]
        with np.errstate(over="ignore"):
            rounded = finite.astype(np.float32)
        lost = finite[np.isinf(rounded) | ((finite == np.rint(finite)) & (rounded != finite))]
        if lost.size:
            return f"it reads the constant {lost[0]:.9g}, which float32 does not hold"
    return ""

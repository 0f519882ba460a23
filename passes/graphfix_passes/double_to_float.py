"""The ``double-to-float`` pass: float32 where an export slipped into float64."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from graphfix.contract import Close
from graphfix.rewrite import RewritePass, Rewriter, Skip
from graphfix_passes._retype import (
    MOVES,
    Variable,
    cast_doubt,
    doubt,
    follows,
    retype,
    variables,
)

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
        Sequences. A constant beyond the range of float32, and what is computed with it; a whole
        number that float32 rounds, as an identifier or a time would be.

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
        wide = [v for v in variables(node, rw) if v.dtype == _WIDE and v.allows(_NARROW)]
        chosen = [v for v in wide if node.op_type not in MOVES or follows(node, v, _NARROW, rw)]
        reason = doubt(node, wide, rw) or _too_large(node, wide, rw)
        if reason:
            cast_doubt(node, wide, rw)
        reason = reason or _rounded(node, chosen, rw)
        if reason:
            return rw.skip(reason) if chosen else None
        return retype(node, chosen, _NARROW, rw) if chosen else None


def _too_large(node: ir.Node, wide: Sequence[Variable], rw: Rewriter) -> str:
    """A number beyond the range of float32, or empty."""
    for array in _constants(node, wide, rw):
        with np.errstate(over="ignore"):
            lost = array[np.isinf(array.astype(np.float32))]
        if lost.size:
            return f"it reads the constant {lost[0]:g}, which float32 does not hold"
    return ""


def _rounded(node: ir.Node, chosen: Sequence[Variable], rw: Rewriter) -> str:
    """A whole number that float32 rounds, or empty."""
    for array in _constants(node, chosen, rw):
        lost = array[(array == np.rint(array)) & (array.astype(np.float32) != array)]
        if lost.size:
            return f"it reads the constant {lost[0]:.0f}, which float32 rounds"
    return ""


def _constants(node: ir.Node, found: Sequence[Variable], rw: Rewriter) -> Iterator[np.ndarray]:
    """The finite numbers of the constants among the inputs."""
    for variable in found:
        for port in variable.inputs:
            array = rw.constant(node.inputs[port])
            if array is not None:
                yield array[np.isfinite(array)]

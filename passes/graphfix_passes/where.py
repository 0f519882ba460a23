"""The ``where`` pass: choices that need none, or none of their types on the AI Core."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx_ir as ir

from graphfix.contract import EQUAL, Contract, Exact
from graphfix.rewrite import Rewrite, RewritePass, Rewriter, Skip
from graphfix.rewrite.bounds import ANY, Interval, limits
from graphfix_passes._known import derived_bound, known_array, same_shape
from graphfix_passes._retype import retype, variables

_NARROW: Final = ir.DataType.INT32

_LEAST_MASK: Final = -1000
"""A number that is not below this one is not taken for a mask."""

_FLOATS: Final = (ir.DataType.FLOAT16, ir.DataType.FLOAT, ir.DataType.DOUBLE)


@dataclass(frozen=True, kw_only=True)
class Where(RewritePass):
    """Fold choices that are no choices, and choose between bools and int64 by other means.

    Why
        ATC's documentation has Where for float16, float32, uint8, int8 and int32; for bool and
        int64 it runs on the CPU of the device.

    Rewrites
        1. A condition that is true throughout, or false, gives way to the branch, and so do two
           equal branches; an Expand gives the branch the shape of the result.
        2. Between bools, And, Or and Not choose.
        3. int64 that fits int32 by its constants or by what the graph says: Casts stand around.
        4. With ``add-masks``, a choice between x and minus infinity becomes an Add of 0 or minus
           infinity, in the shape of the condition. So attention writes its masks elsewhere, and
           ``mask-value`` makes them numbers that float16 has.

    Leaves alone
        int64 that may not fit int32; ``int64-to-int32`` takes it when every run is watched. A
        branch whose result has a shape that is not known. With ``add-masks``, a mask that is
        finite, as x plus that number is another one; a condition that has the shape of x.

    Numerics
        Exact, but for the sign of zeros, which onnxruntime's Where loses. With ``add-masks`` an
        infinite or undefined x would shine through the mask, which fails the verification.
    """

    name = "where"
    match_ops = ("Where",)
    contract = Exact()
    must_match = False
    reads_shapes = True

    add_masks: bool = False
    """Add minus infinity instead of choosing it."""

    def rewrite(
        self, node: ir.Node, rw: Rewriter
    ) -> ir.Value | Mapping[ir.Value, ir.Value] | Skip | None:
        """By the condition, then by the type of the branches."""
        condition, yes, no = node.inputs
        if yes is not None and yes.dtype in _FLOATS:
            rw.promise(EQUAL)
        assert condition is not None
        assert yes is not None
        assert no is not None
        known = known_array(condition, rw)
        if yes is no or (known is not None and known.all()):
            return _in_shape(yes, node.outputs[0], rw)
        if known is not None and not known.any():
            return _in_shape(no, node.outputs[0], rw)
        if yes.dtype == ir.DataType.BOOL:
            return _logic(condition, yes, no, rw)
        if yes.dtype == ir.DataType.INT64:
            return _narrow(node, rw)
        if self.add_masks and yes.dtype in _FLOATS:
            return _added(condition, yes, no, rw)
        return None

    def conclude(self, rewrites: Sequence[Rewrite], rw: Rewriter) -> Contract:
        """Exact, unless floats were among them."""
        return next((each.contract for each in rewrites if each.contract), self.contract)


def _in_shape(chosen: ir.Value, result: ir.Value, rw: Rewriter) -> ir.Value | Skip:
    """The branch, expanded unless it has all dims of the result."""
    own, wanted = rw.facts.dims(chosen), rw.facts.dims(result)
    if wanted is not None and own == wanted:
        return chosen
    if wanted is None or not all(isinstance(size, int) for size in wanted):
        return rw.skip("it is no choice, but the shape of its result is not known")
    return rw.op("Expand", chosen, rw.const([int(str(size)) for size in wanted]))


def _logic(condition: ir.Value, yes: ir.Value, no: ir.Value, rw: Rewriter) -> ir.Value:
    """``(condition and yes) or (not condition and no)``, or less where a branch is one number."""
    chosen, other = _number(yes, condition, rw), _number(no, condition, rw)
    if chosen is not None and other is not None and chosen != other:
        return condition if chosen else rw.op("Not", condition)
    if chosen is not None:
        return rw.op("Or", condition, no) if chosen else rw.op("And", rw.op("Not", condition), no)
    if other is not None:
        return rw.op("Or", rw.op("Not", condition), yes) if other else rw.op("And", condition, yes)
    first = rw.op("And", condition, yes)
    return rw.op("Or", first, rw.op("And", rw.op("Not", condition), no))


def _number(branch: ir.Value, condition: ir.Value, rw: Rewriter) -> bool | None:
    """The one number of a branch, if the branch does not shape the result."""
    number, own, other = rw.scalar(branch), rw.rank(branch), rw.rank(condition)
    if number is None or own is None or (own and (other is None or own > other)):
        return None
    return bool(number)


def _narrow(node: ir.Node, rw: Rewriter) -> Mapping[ir.Value, ir.Value] | Skip:
    """Casts to int32 in front of the branches and back behind the result."""
    for branch in node.inputs[1:]:
        if branch is not None and not _bound(branch, node, rw).within(*limits(_NARROW)):
            return rw.skip(f"{branch.name!r} may not fit int32; int64-to-int32 watches its numbers")
    branches = [each for each in variables(node, rw) if each.dtype == ir.DataType.INT64]
    return retype(node, branches, _NARROW, rw)


def _bound(value: ir.Value, node: ir.Node, rw: Rewriter) -> Interval:
    """Between which numbers a value lies, by itself or by the graph."""
    array = rw.constant(value)
    if array is not None:
        return Interval(int(array.min(initial=0)), int(array.max(initial=0)))
    return derived_bound(value, rw) if node.graph is rw.model.graph else ANY


def _added(
    condition: ir.Value, yes: ir.Value, no: ir.Value, rw: Rewriter
) -> ir.Value | Skip | None:
    """The branch that is computed, plus 0 or minus infinity."""
    for mask, kept in ((no, yes), (yes, no)):
        number = rw.scalar(mask)
        if number is None or number > _LEAST_MASK or rw.constant(kept) is not None:
            continue
        if np.isfinite(number):
            return rw.skip(f"the mask is {number:g}, and x plus that is another number")
        assert mask.dtype is not None
        zero, low = np.array(0, mask.dtype.numpy()), rw.constant(mask)
        assert low is not None
        chosen = rw.constant(condition)
        if chosen is not None:
            return rw.op("Add", kept, rw.const(np.where(chosen == (mask is no), zero, low)))
        if same_shape(condition, kept):
            return rw.skip("its condition has the shape of x, so that nothing is gained")
        branches = (rw.const(zero), mask) if mask is no else (mask, rw.const(zero))
        return rw.op("Add", kept, rw.op("Where", condition, *branches))
    return None

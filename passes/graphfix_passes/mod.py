"""The ``mod`` pass: remainders whose sign does not depend on who computes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from graphfix.contract import Exact
from graphfix.rewrite import RewritePass, Rewriter, Skip
from graphfix.rewrite.bounds import ANY, Interval, derive

_TYPES = (ir.DataType.INT32, ir.DataType.INT64)


@dataclass(frozen=True, kw_only=True)
class Mod(RewritePass):
    """Write the remainder of integers as one that is rounded towards zero.

    Why
        ATC's plugin does not read ``fmod``, and its kernel rounds the quotient towards zero, as
        ``fmod=1`` asks for; ONNX rounds it down without. For a negative dividend and a positive
        divisor the results differ by the divisor, without a message.

    Rewrites
        1. Where both cannot be negative, by what the graph says of them, ``fmod=1`` is the same.
        2. Otherwise the divisor is added to a remainder of the other sign.

    Leaves alone
        ``fmod=1``, and integers without a sign. Other types than int32 and int64, which Where does
        not take everywhere.
    """

    name = "mod"
    match_ops = ("Mod",)
    contract = Exact()
    must_match = False
    reads_shapes = True

    def rewrite(self, node: ir.Node, rw: Rewriter) -> Sequence[ir.Value] | ir.Value | Skip | None:
        """Restate it with fmod, and mend the sign."""
        divisor = node.inputs[1]
        dtype = next((each.dtype for each in node.inputs if each is not None and each.dtype), None)
        if rw.attr_int(node, "fmod", 0) == 1:
            return None
        if dtype is None:
            return rw.skip("the type of its inputs is not known")
        if not dtype.is_integer() or not dtype.is_signed():
            return None
        dividends, divisors = (_bounds(each, rw) for each in node.inputs)
        if dividends.low >= 0 and divisors.low > 0:
            return rw.restate(node, fmod=1)
        if dtype not in _TYPES:
            return rw.skip(f"Where does not take {dtype.name.lower()} everywhere")
        (rest,) = rw.restate(node, fmod=1)
        zero = rw.const(np.zeros((), dtype.numpy()))
        negative = rw.op("Less", rest, zero)
        if divisors.low > 0:
            wrong = negative
        else:
            unlike = rw.op("Xor", negative, rw.op("Less", divisor, zero))
            wrong = rw.op("And", unlike, rw.op("Not", rw.op("Equal", rest, zero)))
        return rw.op("Where", wrong, rw.op("Add", rest, divisor), rest)


def _bounds(value: ir.Value | None, rw: Rewriter) -> Interval:
    """What is known of the numbers of a value; those of the model are derived once."""
    array = rw.constant(value)
    if array is not None and array.size:
        return Interval(int(array.min()), int(array.max()))
    if value is None or value.name is None or rw.in_function:
        return ANY  # names in a function are its own
    if "bounds" not in rw.memory:
        rw.memory["bounds"] = derive(rw.model)
    known: Mapping[str, Interval] = rw.memory["bounds"]
    return known.get(value.name, ANY)

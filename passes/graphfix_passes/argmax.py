"""The ``argmax`` pass: what ATC reads otherwise of ArgMax and ArgMin."""

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from graphfix.contract import Exact
from graphfix.rewrite import RewritePass, Rewriter, Skip
from graphfix_passes._axes import unsqueezed


@dataclass(frozen=True, kw_only=True)
class Argmax(RewritePass):
    """Replace ``select_last_index`` and ``keepdims`` of ArgMax and ArgMin by nodes around them.

    Why
        ATC refuses ``select_last_index`` 1. For CANN 5.1 and 6.0 it puts the axis that is kept in
        at 1, whatever it was.

    Rewrites
        1. The last of equals is the first of the elements in reverse order, which a Gather gives;
           its number is subtracted from that of the last element.
        2. An axis other than 1 that is kept becomes one that is not, and an Unsqueeze.

    Leaves alone
        The last of equals along an axis whose size is not known.

    Numerics
        Exact, except where a NaN is among the elements, of which ONNX does not say what comes out.
    """

    name = "argmax"
    match_ops = ("ArgMax", "ArgMin")
    contract = Exact()
    must_match = False
    reads_shapes = True

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip | None:
        """Reverse the axis, take the first, and put back what is kept."""
        data, known = node.inputs[0], rw.dims(node.inputs[0])
        axis = rw.attr_int(node, "axis", 0)
        if known:
            axis %= len(known)
        last = rw.attr_int(node, "select_last_index", 0) == 1
        keeps = rw.attr_int(node, "keepdims", 1) == 1 and axis != 1
        if not (last or keeps):
            return None
        size = known[axis] if known else None
        if last and size is None:
            return rw.skip(f"the size of axis {axis}, which must be reversed, is not known")
        if last and size is not None:
            backwards = rw.const(np.arange(size)[::-1].astype(np.int64))
            data = rw.op("Gather", data, backwards, axis=axis)
        kept = {"keepdims": 0} if keeps else {}
        (found,) = rw.restate(node, [data], drop=("select_last_index",), attributes=kept)
        if last and size is not None:
            found = rw.op("Sub", rw.const(size - 1), found)
        return unsqueezed(rw, found, [axis]) if keeps else found

"""The ``gather-to-split`` pass: Gathers that take an axis apart."""

from collections.abc import Mapping
from dataclasses import dataclass

import onnx_ir as ir

from graphfix.contract import Exact
from graphfix.rewrite import RewritePass, Rewriter, Skip
from graphfix_passes._axes import squeezed
from graphfix_passes._known import dims
from graphfix_passes._parts import folds, siblings, split
from graphfix_passes._split_in_front import find_in_front


@dataclass(frozen=True, kw_only=True)
class GatherToSplit(RewritePass):
    """Replace Gathers that take single elements of one axis by one Split.

    Why
        Queries, keys and values are exported as ``Gather(x, 0)``, ``Gather(x, 1)``,
        ``Gather(x, 2)``: three kernels that look up an index each, where one copies all parts.
        Ascend's auto-optimizer and scripts of the ModelZoo do the same (GatherToSplit).

    Rewrites
        1. Two or more Gathers of the same data, each with one constant index along one axis, into
           a Split, and a Squeeze where the index is a scalar. What no Gather reads becomes parts
           that nobody reads.
        2. Where the axis comes from a Reshape, with a Transpose behind it or without, and nothing
           else reads these: a Split in front of the Reshape, and a Reshape and Transpose of each
           part, with one dim less. Its parts have more than one element, which is what ATC
           documents for Split; those of 1. have one, which the documentation leaves out.

    Leaves alone
        An axis whose size is not known, or longer than ``longest``. Gathers that together read
        less than half of the axis. Data of type bool, for which the AI Core has Gather and no
        Split, as of 2022. Indices that are computed, several or out of range. Gathers of constants
        and of lists of integers, which fold.
    """

    name = "gather-to-split"
    match_ops = ("Gather",)
    contract = Exact()
    must_match = False
    reads_shapes = True

    longest: int = 16
    """The longest axis that is taken apart."""

    def rewrite(self, node: ir.Node, rw: Rewriter) -> Mapping[ir.Value, ir.Value] | Skip | None:
        """Let one Split do what the Gathers beside ``node`` do, too."""
        data, known = node.inputs[0], dims(node.inputs[0])
        if node in rw.memory or data is None or not known or folds(data):
            return None  # the first of the Gathers has answered for all, or nothing is to be said
        if _index(node, rw) is None:
            return None
        axis = rw.attr_int(node, "axis", 0) % len(known)
        taken = {
            each: index
            for each in siblings(node, rw)
            if rw.attr_int(each, "axis", 0) % len(known) == axis
            and (index := _index(each, rw)) is not None
        }
        rw.memory.update(dict.fromkeys(taken))
        if len(set(taken.values())) < 2:
            return None
        where, size = f"axis {axis} of {data.name!r}", known[axis]
        if data.dtype == ir.DataType.BOOL:
            return rw.skip("the data are bool, of which no Split runs on the AI Core")
        if not isinstance(size, int):
            return rw.skip(f"the size of {where} is not known")
        if not all(-size <= index < size for index in taken.values()):
            return rw.skip(f"an index is out of range of {where}")
        taken = {each: index % size for each, index in taken.items()}
        read = set(taken.values())
        if 2 * len(read) < size:
            return rw.skip(f"the Gathers read less than half of {where}")
        if size > self.longest:
            return rw.skip(f"{where} has {size} elements; see gather-to-split{{longest}}")
        scalars = {each for each in taken if rw.rank(each.inputs[1]) == 0}
        if len(read) == size and len(scalars) == len(taken):
            in_front = find_in_front(data, axis, scalars, rw)
            if in_front is not None:
                parts = in_front.parts(rw)
                return {each.outputs[0]: parts[index] for each, index in taken.items()}
        starts = sorted({0, *read, *(index + 1 for index in read if index + 1 < size)})
        sizes = [end - start for start, end in zip(starts, [*starts[1:], size], strict=True)]
        by_start = dict(zip(starts, split(rw, data, sizes, axis), strict=True))
        flat = {
            index: squeezed(rw, by_start[index], [axis])
            for index in sorted({taken[each] for each in scalars})
        }
        return {
            each.outputs[0]: (flat if each in scalars else by_start)[index]
            for each, index in taken.items()
        }


def _index(node: ir.Node, rw: Rewriter) -> int | None:
    """The one constant index of a Gather, a scalar or in a list."""
    index = rw.constant(node.inputs[1])
    return int(index.item()) if index is not None and index.size == 1 and index.ndim < 2 else None

"""The ``slice-merge`` pass: Slices in a row."""

from collections.abc import Sequence
from dataclasses import dataclass

import onnx_ir as ir

from graphfix.contract import Exact
from graphfix.rewrite import RewritePass, Rewriter, Skip
from graphfix_passes._known import Dim, dims
from graphfix_passes._slices import Cut, cuts, restated

_LEAST, _LARGEST = -(2**63), 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class SliceMerge(RewritePass):
    """Merge Slices in a row into one.

    Why
        Every Slice copies what it keeps; exporters write one for each axis.

    Rewrites
        A Slice of a Slice into one of the first's input: the lists of unlike axes one after the
        other, and on a common axis the part of the part. The first stays for its other readers.

    Leaves alone
        Limits, axes or steps that are computed. A common axis whose size is not known, unless both
        Slices count from the start in steps of 1. Axes of unlike sign where the rank is not known.
        An axis that one Slice names twice, which means nothing.
    """

    name = "slice-merge"
    match_ops = ("Slice",)
    contract = Exact()
    must_match = False
    reads_shapes = True

    def rewrite(self, node: ir.Node, rw: Rewriter) -> Sequence[ir.Value] | Skip | None:
        """Let the node do the work of the one before, too."""
        first = rw.producer(node.inputs[0], "Slice")
        if first is None:
            return None
        known = dims(first.inputs[0])
        before, after = cuts(first, known, rw), cuts(node, known, rw)
        if isinstance(before, Skip):
            return before
        if isinstance(after, Skip):
            return after
        if known is None and len({axis < 0 for axis in (*before, *after)}) > 1:
            return rw.skip("the rank is not known, and some axes are counted from the end")
        merged = dict(before)
        for axis, cut in after.items():
            both = _part_of_part(before[axis], cut, _size(known, axis)) if axis in before else cut
            if both is None:
                return rw.skip(f"both cut axis {axis}, whose size is not known")
            merged[axis] = both
        return restated(node, first.inputs[0], merged, rw) if merged else None


def _size(known: Sequence[Dim] | None, axis: int) -> int | None:
    size = known[axis] if known is not None else None
    return size if isinstance(size, int) else None


def _part_of_part(first: Cut, second: Cut, size: int | None) -> Cut | None:
    """The second part of the first part of an axis; ``None`` when it depends on the unknown size.

    Python's slices of a range are clamped as those of ONNX are.
    """
    if size is not None:
        kept = range(size)[slice(*first)][slice(*second)]
        # The place before the first element is none that an index means, unless it is clamped.
        end = kept.stop if kept.stop >= 0 else _LEAST
        return (kept.start, end, kept.step) if kept else (0, 0, 1)
    (start, end, step), (more, length, other) = first, second
    if min(start, end, more, length) < 0 or (step, other) != (1, 1):
        return None
    return min(start + more, _LARGEST), min(end, start + length), 1

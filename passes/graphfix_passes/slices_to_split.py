"""The ``slices-to-split`` pass: Slices that lie side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import onnx_ir as ir

from graphfix.contract import Exact
from graphfix.rewrite import RewritePass, Rewriter, Skip
from graphfix_passes._known import Dim, dims
from graphfix_passes._parts import folds, siblings, split
from graphfix_passes._slices import cuts

_Part = tuple[int, int]
"""The first element and the one behind the last."""


@dataclass(frozen=True, kw_only=True)
class SlicesToSplit(RewritePass):
    """Replace Slices of one tensor along one axis by one Split.

    Why
        Every Slice is a kernel of its own that reads its data with strides; Split makes all parts
        in one. Scripts of Ascend's ModelZoo exchange them by hand, for SSD and Stable Diffusion.
        Gated units, rotary embeddings and shifted windows are exported as pairs of Slices.

    Rewrites
        Two or more Slices of the same data that cut nothing but this axis, in steps of 1, without
        overlapping. What lies between them becomes a part that nobody reads. Slices of the same
        part share it.

    Leaves alone
        An axis whose size is not known. Slices that overlap. Slices that together read less than
        half of the axis. Parts of one element, as ATC documents larger ones only, unless ``ones``
        says otherwise. Data of type bool, for which the AI Core has StridedSlice and no Split, as
        of 2022. Slices of several axes, in other steps, of nothing or with computed limits.
        Slices of constants and of lists of integers, which fold.
    """

    name = "slices-to-split"
    match_ops = ("Slice",)
    contract = Exact()
    must_match = False
    reads_shapes = True

    ones: bool = False
    """Make parts of one element, too."""

    def rewrite(self, node: ir.Node, rw: Rewriter) -> Mapping[ir.Value, ir.Value] | Skip | None:
        """Let one Split make what the Slices beside ``node`` do, too."""
        data, known = node.inputs[0], dims(node.inputs[0])
        if node in rw.memory or data is None or folds(data):
            return None  # the first of the Slices has answered for all, or nothing is to be said
        kept = _kept(node, known, rw)
        if kept is None:
            return None
        axis = kept[0]
        parts = {
            each: found[1]
            for each in siblings(node, rw)
            if (found := _kept(each, known, rw)) is not None and found[0] == axis
        }
        rw.memory.update(dict.fromkeys(parts))
        if len(parts) < 2:
            return None
        if data.dtype == ir.DataType.BOOL:
            return rw.skip("the data are bool, of which no Split runs on the AI Core")
        where = f"axis {axis} of {data.name!r}"
        size = known[axis] if known is not None else None
        if not isinstance(size, int):
            return rw.skip(f"the size of {where} is not known")
        ranges = {each: _range(part, size) for each, part in parts.items()}
        read = sorted({part for part in ranges.values() if part[0] < part[1] and part != (0, size)})
        if len(read) < 2:
            return None
        bounds = [0, *(bound for part in read for bound in part), size]
        if bounds != sorted(bounds):
            return rw.skip(f"the Slices along {where} overlap")
        if 2 * sum(end - start for start, end in read) < size:
            return rw.skip(f"the Slices read less than half of {where}")
        edges = sorted(set(bounds))
        tiles = list(pairwise(edges))
        if not self.ones and any(end - start == 1 for start, end in tiles):
            return rw.skip(f"a part of {where} would have one element; see slices-to-split{{ones}}")
        made = split(rw, data, [end - start for start, end in tiles], axis)
        by_tile = dict(zip(tiles, made, strict=True))
        return {each.outputs[0]: by_tile[part] for each, part in ranges.items() if part in by_tile}


def _kept(node: ir.Node, known: Sequence[Dim] | None, rw: Rewriter) -> tuple[int, _Part] | None:
    """The one axis that a Slice cuts, and its start and end; ``None`` for other Slices."""
    found = cuts(node, known, rw)
    if known is None or isinstance(found, Skip) or len(found) != 1:
        return None
    ((axis, (start, end, step)),) = found.items()
    return (axis, (start, end)) if step == 1 else None


def _range(part: _Part, size: int) -> _Part:
    """Start and end as they count for an axis of this size; Python clamps as ONNX does."""
    start, end, _ = slice(*part).indices(size)
    return start, end

"""The ``gather-elements`` pass: GatherElements by Gather."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import onnx_ir as ir

from graphfix.contract import Exact
from graphfix.rewrite import RewritePass, Rewriter, Skip
from graphfix.rewrite.bounds import ANY, Interval, derive
from graphfix_passes._axes import squeezed

_MOST = 2**31
"""int32 counts fewer elements, and the AI Core calculates in int32."""


@dataclass(frozen=True, kw_only=True)
class GatherElements(RewritePass):
    """Replace GatherElements by a Gather of rows or of elements, by their numbers in all the data.

    Why
        On Ascend 310 and 310P GatherElements had a kernel for the AI CPU alone in 2022; Gather has
        one for the AI Core.

    Rewrites
        1. Indices that an Expand or Tile has repeated for the axes behind, such as those of the
           best boxes: a Gather of whole rows of these axes, by the indices in front of the Expand.
        2. Others: a Gather of single elements of the data as one list.

        In both, the index along the axis is multiplied by the distance of its elements, and what
        the other axes contribute is added as a constant, in int32. Indices that may be negative
        are counted from the start before that. Constant indices become other constants.

    Leaves alone
        Data with sizes that are not known; indices with sizes that are not known, but for the one
        along the axis. Data of 2**31 elements and more, or of none. Constant indices out of range.

    Numerics
        Exact for indices in range. For others ONNX defines nothing and onnxruntime fails; the
        Gather may take another element.
    """

    name = "gather-elements"
    match_ops = ("GatherElements",)
    contract = Exact()
    must_match = False
    reads_shapes = True

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip:
        """Number rows or elements through, and gather them."""
        data, indices = node.inputs
        sizes, places = rw.facts.dims(data), rw.facts.dims(indices)
        known = tuple(size for size in sizes or () if isinstance(size, int))
        if data is None or indices is None or not sizes or len(known) < len(sizes):
            return rw.skip("the sizes of its data are not known")
        axis = rw.attr_int(node, "axis", 0) % len(known)
        picked = [size if isinstance(size, int) else None for size in places or ()]
        if not picked or None in (*picked[:axis], *picked[axis + 1 :]):
            return rw.skip("the sizes of its indices are not known")
        if not 0 < prod(known) < _MOST:
            return rw.skip(
                f"its data have {prod(known)} elements, and int32 counts 1 to {_MOST - 1}"
            )
        source = _before_expand(indices, axis, known, rw)
        depth = len(known) if source is None else axis + 1
        along = _Along(
            known[axis], prod(known[axis + 1 : depth]), _offsets(known[:depth], picked, axis)
        )
        numbers = along.numbers(source or indices, len(known) - depth, node, rw)
        if isinstance(numbers, Skip):
            return numbers
        if depth > 1:
            data = rw.op("Reshape", data, rw.const([prod(known[:depth]), *known[depth:]]))
        return rw.op("Gather", data, numbers, axis=0)


def _before_expand(
    indices: ir.Value, axis: int, sizes: Sequence[int], rw: Rewriter
) -> ir.Value | None:
    """What has been repeated to give ``indices``, if only for all places of the axes behind."""
    node, behind = rw.producer(indices, "Expand", "Tile"), len(sizes) - axis - 1
    source = None if node is None else node.inputs[0]
    own, made = rw.facts.dims(source), rw.facts.dims(indices)
    if own is None or made is None or behind == 0 or len(own) <= behind:
        return None
    repeated = set(own[-behind:]) == {1} and made[axis + 1 :] == tuple(sizes[axis + 1 :])
    front = zip(reversed(own[:-behind]), reversed(made[: axis + 1]), strict=False)
    same = all(size in (1, dim) for size, dim in front)
    return source if repeated and same and own[-behind - 1] == made[axis] else None


def _offsets(sizes: Sequence[int], picked: Sequence[int | None], axis: int) -> np.ndarray:
    """What each place of the indices adds to the numbers, of all axes but ``axis``."""
    total = np.zeros([1] * len(sizes), np.int64)
    for other, count in enumerate(picked[: len(sizes)]):
        if other != axis and count is not None:
            shape = [-1 if k == other else 1 for k in range(len(sizes))]
            total = total + (np.arange(count) * prod(sizes[other + 1 :])).reshape(shape)
    return total


@dataclass(frozen=True)
class _Along:
    """Where the elements along an axis are in the data."""

    size: int
    """Of the axis."""
    distance: int
    """Of two of its elements."""
    offsets: np.ndarray
    """Where the axis begins, for each place of the indices, int64."""

    def numbers(
        self, indices: ir.Value, behind: int, node: ir.Node, rw: Rewriter
    ) -> ir.Value | Skip:
        """The numbers that indices mean; the last dims of these, ``behind`` of them, are 1."""
        constant = rw.constant(indices)
        if constant is not None:
            counted = np.where(constant < 0, constant + self.size, constant)
            if counted.size and not 0 <= counted.min() <= counted.max() < self.size:
                return rw.skip("an index is out of range")
            counted = counted.reshape(counted.shape[: counted.ndim - behind])
            return rw.const((counted * self.distance + self.offsets).astype(np.int64))
        rank = len(rw.facts.dims(indices) or ())
        moved = self.offsets.any() or rank - behind != self.offsets.ndim
        signed = not _is_natural(indices, node, rw)
        numbers = indices
        if behind:
            numbers = squeezed(rw, numbers, list(range(rank - behind, rank)))
        if indices.dtype != ir.DataType.INT32 and (signed or moved or self.distance != 1):
            numbers = rw.op("Cast", numbers, to=int(ir.DataType.INT32))
        if signed:
            below = rw.op("Less", numbers, _int32(0, rw))
            numbers = rw.op("Where", below, rw.op("Add", numbers, _int32(self.size, rw)), numbers)
        if self.distance != 1:
            numbers = rw.op("Mul", numbers, _int32(self.distance, rw))
        return rw.op("Add", numbers, _int32(self.offsets, rw)) if moved else numbers


def _is_natural(indices: ir.Value, node: ir.Node, rw: Rewriter) -> bool:
    """Whether no index can be negative; bounds of the main graph are derived once."""
    if node.graph is not rw.model.graph:
        return False
    if "bounds" not in rw.memory:
        rw.memory["bounds"] = derive(rw.model)
    bounds: Mapping[str, Interval] = rw.memory["bounds"]
    return bounds.get(indices.name or "", ANY).low >= 0


def _int32(data: int | np.ndarray, rw: Rewriter) -> ir.Value:
    return rw.const(data, ir.DataType.INT32)

"""Boxes of a tensor: what a slice assignment overwrites, read from the indices of a scatter."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx_ir as ir

from graphfix.rewrite import Rewriter, Skip
from graphfix.rewrite.symbolic.size import Poly, Size
from graphfix_passes._axes import squeezed, unsqueezed
from graphfix_passes._lines import Line, components, line_of
from graphfix_passes._permutations import is_identity, order_of

_INPUTS_SINCE: Final = 10
"""The opset in which the limits of Slice became inputs."""

Take = np.ndarray | None
"""Which elements of an axis, all different; ``None`` for all of them in order."""


@dataclass(frozen=True)
class Box:
    """Some elements of each axis of a tensor, and what is written there."""

    takes: tuple[Take, ...]
    update: ir.Value
    """In the shape of the box."""


def read_box(node: ir.Node, rw: Rewriter) -> Box | Skip:
    """What a scatter overwrites; the update is brought into the shape of the box.

    ScatterND writes rows of its updates to tuples of indices; ScatterElements, and Scatter before
    it, each element to where its own position says, but for the index along one axis.
    """
    data, indices, update = node.inputs
    assert data is not None
    assert indices is not None
    assert update is not None
    shape, grid = rw.facts.dims(data), rw.facts.dims(indices)
    if shape is None or grid is None or not shape:
        return rw.skip("the rank of its data or of its indices is not known")
    if node.op_type == "ScatterND":
        return _tuples(indices, update, shape, grid, rw)
    lines: list[Line | Size | None] = list(grid)
    axis = rw.attr_int(node, "axis", 0) % len(shape)
    lines[axis] = along = line_of(indices, rw)
    if along is None or (along.axis not in (None, axis)):
        return _no_box(indices, rw)
    if along.axis is None and grid[axis] != 1:
        return rw.skip("an index is there twice")
    takes = _takes(lines, shape)
    return takes if isinstance(takes, Skip) else Box(takes, update)


def _tuples(
    indices: ir.Value, update: ir.Value, shape: Sequence[Size], grid: Sequence[Size], rw: Rewriter
) -> Box | Skip:
    found = components(indices, rw)
    lines = [line for line in found if line is not None]
    if not lines or len(lines) < len(found):
        return _no_box(indices, rw)
    sources = [line.axis for line in lines]
    used = [axis for axis in sources if axis is not None]
    unused = [axis for axis in range(len(grid) - 1) if axis not in used]
    if len(set(used)) < len(used):
        return rw.skip("its indices are not those of a box")
    if any(grid[axis] != 1 for axis in unused):
        return rw.skip("an index is there twice")
    takes = _takes(lines, shape)
    if isinstance(takes, Skip):
        return takes
    rest = range(len(grid) - 1, len(grid) - 1 + len(shape) - len(lines))
    places: list[int | None] = [*sources, *rest]
    return Box(takes, _arranged(update, places, unused, rw))


def _no_box(indices: ir.Value, rw: Rewriter) -> Skip:
    known = rw.constant(indices) is not None
    return rw.skip("its indices are not those of a box" if known else "its indices are computed")


def _takes(lines: Sequence[Line | Size | None], shape: Sequence[Size]) -> tuple[Take, ...] | Skip:
    """What lines of indices, or the first so many elements, mean for axes of these sizes.

    Axes behind the last line are taken whole.
    """
    takes: list[Take] = [None] * len(shape)
    for axis, (line, size) in enumerate(zip(lines, shape, strict=False)):
        numbers = line.numbers if isinstance(line, Line) else line
        if isinstance(numbers, (int, Poly)) and numbers == size:
            continue
        if isinstance(numbers, Poly) or not isinstance(size, int):
            return Skip(f"the size of axis {axis} is not known")
        if isinstance(numbers, int):
            numbers = np.arange(numbers)
        assert numbers is not None
        counted = np.where(numbers < 0, numbers + size, numbers)
        if not counted.size:
            return Skip("its indices are empty")
        if counted.min() < 0 or counted.max() >= size:
            return Skip(f"an index is out of range of axis {axis}")
        if len(np.unique(counted)) < len(counted):
            return Skip("an index is there twice")
        takes[axis] = None if np.array_equal(counted, np.arange(size)) else counted
    return tuple(takes)


def _arranged(
    update: ir.Value, places: Sequence[int | None], unused: Sequence[int], rw: Rewriter
) -> ir.Value:
    """The update with its axes ``places`` in this order, and dims of 1 for those without one.

    ``unused`` are axes of 1 that are not among the places.
    """
    if all(place == k or (place is None and k in unused) for k, place in enumerate(places)):
        return update
    if unused:
        update = squeezed(rw, update, unused)
    kept = [place for place in places if place is not None]
    order = tuple(sum(other < place for other in kept) for place in kept)
    if not is_identity(order):
        update = rw.op("Transpose", update, perm=order)
    new = [k for k, place in enumerate(places) if place is None]
    return unsqueezed(rw, update, new) if new else update


def transposed(box: Box, order: Sequence[int], rw: Rewriter) -> Box:
    """The box in a tensor with its axes in another order: axis k is ``order[k]`` of before."""
    takes = tuple(box.takes[axis] for axis in order)
    before = rw.producer(box.update, "Transpose")
    turned = order_of(before, rw) if before is not None else None
    if before is not None and turned and is_identity(tuple(turned[axis] for axis in order)):
        assert before.inputs[0] is not None
        return Box(takes, before.inputs[0])
    return Box(takes, rw.op("Transpose", box.update, perm=order))


def selected(data: ir.Value, box: Box, rw: Rewriter) -> ir.Value:
    """What the tensor has in the box."""
    for axis, take in enumerate(box.takes):
        if take is not None:
            data = _taken(data, axis, take, rw)
    return data


def assigned(data: ir.Value, box: Box, shape: Sequence[Size], rw: Rewriter) -> ir.Value:
    """The tensor with another content of the box.

    Along its first axis with a choice, the rest of the data stands beside what the other axes make
    of the chosen part: from the last such axis to the first one.
    """
    chosen = [(axis, take) for axis, take in enumerate(box.takes) if take is not None]
    parts = [data]
    for axis, take in chosen[:-1]:
        parts.append(_taken(parts[-1], axis, take, rw))
    result = box.update
    for (axis, take), around in zip(reversed(chosen), reversed(parts), strict=False):
        size = shape[axis]
        assert isinstance(size, int), "a choice is one of so many"
        result = _joined(around, result, axis, take, size, rw)
    return result


def _contiguous(take: np.ndarray) -> bool:
    return bool((np.diff(take) == 1).all())


def _taken(data: ir.Value, axis: int, take: np.ndarray, rw: Rewriter) -> ir.Value:
    if _contiguous(take):
        return _cut(data, axis, int(take[0]), int(take[-1]) + 1, rw)
    return rw.op("Gather", data, rw.const(take), axis=axis)


def _joined(
    data: ir.Value, part: ir.Value, axis: int, take: np.ndarray, size: int, rw: Rewriter
) -> ir.Value:
    """``part`` in the place of the elements ``take`` of one axis."""
    if not _contiguous(take):
        whole = len(take) == size
        order = np.arange(size)
        order[take] = np.arange(len(take)) + (0 if whole else size)
        both = part if whole else rw.op("Concat", data, part, axis=axis)
        return rw.op("Gather", both, rw.const(order), axis=axis)
    first, last = int(take[0]), int(take[-1]) + 1
    before = [_cut(data, axis, 0, first, rw)] if first else []
    behind = [_cut(data, axis, last, size, rw)] if last < size else []
    return rw.op("Concat", *before, part, *behind, axis=axis)


def _cut(data: ir.Value, axis: int, start: int, end: int, rw: Rewriter) -> ir.Value:
    if rw.opset < _INPUTS_SINCE:
        return rw.op("Slice", data, starts=[start], ends=[end], axes=[axis])
    return rw.op("Slice", data, rw.const([start]), rw.const([end]), rw.const([axis]))

"""Integers that differ along one axis of their tensor at most: what grids of indices consist of."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx_ir as ir

from graphfix.rewrite import Rewriter, Skip
from graphfix.rewrite.symbolic.size import Poly
from graphfix_passes._known import fixed, known_array
from graphfix_passes._slices import cuts

_LONGEST_CHAIN: Final = 32
"""How many nodes are looked back; exporters write ten or so."""

_TO_THE_END: Final = 2**31 - 1
"""Ends from here on mean the end of the axis."""


@dataclass(frozen=True)
class Line:
    """A tensor of integers that are the same along all axes but one."""

    axis: int | None
    """Along which they differ; ``None`` when they do not."""
    numbers: np.ndarray | Poly
    """Those along the axis, as int64; a size n stands for 0, 1, up to n - 1."""


def line_of(value: ir.Value | None, rw: Rewriter, depth: int = _LONGEST_CHAIN) -> Line | None:
    """A tensor as a line; ``None`` when it is none, or nobody can tell."""
    array = known_array(value, rw)
    if array is not None:
        return of_array(array)
    node = rw.producer(value, *_RULES)
    if node is None or not depth:
        return None
    if node.op_type == "Range":
        return _range(node, rw)
    source = line_of(node.inputs[0], rw, depth - 1)
    if source is None or source.axis is None:
        return source  # these operators leave the numbers alone
    return _RULES[node.op_type](node, source, rw)


def of_array(array: np.ndarray) -> Line | None:
    """Known integers as a line; ``None`` when they differ along several axes, or there are none."""
    if array.dtype.kind not in "iu" or array.size == 0:
        return None
    differ = [k for k in range(array.ndim) if (array != array.take([0], k)).any()]
    if len(differ) > 1:
        return None
    axis = differ[0] if differ else None
    along = tuple(slice(None) if k == axis else 0 for k in range(array.ndim))
    return Line(axis, np.asarray(array[along], np.int64).reshape(-1))


def _range(node: ir.Node, rw: Rewriter) -> Line | None:
    """From 0 on in steps of 1; where the end is known, all of it is."""
    if fixed(node.inputs[0], rw) != 0 or fixed(node.inputs[2], rw) != 1:
        return None
    limit = rw.facts.value(node.inputs[1])
    size = limit.sizes[0] if limit is not None else None
    if isinstance(size, Poly):
        return Line(0, size)
    return Line(0, np.arange(size)) if isinstance(size, int) and size > 1 else None


def _same(node: ir.Node, source: Line, rw: Rewriter) -> Line | None:
    dtype = node.outputs[0].dtype
    return source if dtype in (ir.DataType.INT64, ir.DataType.INT32) else None


def _reshaped(node: ir.Node, source: Line, rw: Rewriter) -> Line | None:
    """The only axis that is not 1, before and after."""
    before, after = rw.facts.dims(node.inputs[0]), rw.facts.dims(node.outputs[0])
    if before is None or after is None:
        return None
    long = [axis for axis, size in enumerate(after) if size != 1]
    if len(long) != 1 or any(size != 1 for k, size in enumerate(before) if k != source.axis):
        return None
    same = after[long[0]] == before[source.axis or 0]
    return Line(long[0], source.numbers) if same else None


def _unsqueezed(node: ir.Node, source: Line, rw: Rewriter) -> Line | None:
    axes, before = rw.param_ints(node, "axes", 1), rw.facts.dims(node.inputs[0])
    if axes is None or before is None:
        return None
    count = len(before) + len(axes)
    new = {axis % count for axis in axes}
    old = [axis for axis in range(count) if axis not in new]
    return Line(old[source.axis or 0], source.numbers)


def _expanded(node: ir.Node, source: Line, rw: Rewriter) -> Line | None:
    before, after = rw.facts.dims(node.inputs[0]), rw.facts.dims(node.outputs[0])
    if before is None or after is None:
        return None
    axis = (source.axis or 0) + len(after) - len(before)
    same = after[axis] == before[source.axis or 0]
    return Line(axis, source.numbers) if same else None


def _transposed(node: ir.Node, source: Line, rw: Rewriter) -> Line | None:
    order = rw.attr_ints(node, "perm")
    return Line(order.index(source.axis or 0), source.numbers) if order else None


def _sliced(node: ir.Node, source: Line, rw: Rewriter) -> Line | None:
    before = rw.facts.dims(node.inputs[0])
    kept = cuts(node, (None,) * len(before), rw) if before is not None else None
    if kept is None or isinstance(kept, Skip) or source.axis is None:
        return None
    start, end, step = kept.get(source.axis, (0, _TO_THE_END, 1))
    if isinstance(source.numbers, np.ndarray):
        return of_array(source.numbers[start:end:step])
    return source if (start, step) == (0, 1) and end >= _TO_THE_END else None


_RULES: Final[Mapping[str, Callable[[ir.Node, Line, Rewriter], Line | None]]] = {
    "Cast": _same,
    "Expand": _expanded,
    "Identity": _same,
    "Range": _same,
    "Reshape": _reshaped,
    "Slice": _sliced,
    "Squeeze": _reshaped,
    "Transpose": _transposed,
    "Unsqueeze": _unsqueezed,
}
"""What an operator makes of a line; Range has none before it."""


def components(indices: ir.Value, rw: Rewriter) -> Sequence[Line | None]:
    """The numbers of a tensor of index tuples, one line for each place in a tuple.

    The axes of the lines are those of ``indices`` without the last one.
    """
    array = known_array(indices, rw)
    if array is not None:
        return [of_array(array[..., k]) for k in range(array.shape[-1] if array.ndim else 0)]
    shape = rw.facts.dims(indices)
    parts = rw.producer(indices, "Concat")
    if shape is None:
        return []
    if parts is None or rw.attr_int(parts, "axis", 0) not in (-1, len(shape) - 1):
        return [line_of(indices, rw)] if shape[-1] == 1 else []
    found: list[Line | None] = []
    for part in parts.inputs:
        known, size = known_array(part, rw), rw.facts.dims(part)
        if known is not None:
            found += [of_array(known[..., k]) for k in range(known.shape[-1])]
        elif size is not None and size[-1] == 1:
            found.append(line_of(part, rw))
        else:
            return []
    return found

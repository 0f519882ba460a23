"""The ``topk`` pass: TopK as the AI Core has it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx_ir as ir

from graphfix.contract import Exact
from graphfix.rewrite import RewritePass, Rewriter, Skip
from graphfix.rewrite.bounds import Interval, limits
from graphfix_passes._known import derived_bound, dims, fixed

_INTEGERS: Final = 2048
"""float16 holds all integers up to here (IEEE 754 binary16: 11 significant bits)."""


@dataclass(frozen=True, kw_only=True)
class Topk(RewritePass):
    """Give TopK a constant number, the last axis, floats, and indices that go through int32.

    Why
        As of 2022 the AI Core had TopK for a constant number and float16 alone, to which ATC casts
        float32 by default; everything else runs on the CPU of the device. It sorts along the last
        axis. It makes its indices in int32 where ONNX says int64, which ATC does not always make
        good.

    Rewrites
        1. A number that is the same in every run becomes a constant, also one that an exporter
           has limited to the size of the axis, once that size is known.
        2. Around a TopK along another axis come Transposes.
        3. Integers between -2048 and 2048 by their type or by what the graph says, all of which
           float16 holds, are sorted as floats.
        4. Behind the indices come a Cast to int32 and one back; ``int64-to-int32`` then takes what
           follows to int32, too.

        Nothing is put behind an output that nobody reads.

    Leaves alone
        A number that is computed and not the same in every run, and one beyond the size of the
        axis, with which nothing runs. Another axis when the rank is not known. Integers that may be
        larger. Indices that are only read by Casts to int32.
    """

    name = "topk"
    match_ops = ("TopK",)
    contract = Exact()
    must_match = False
    reads_shapes = True

    cast_indices: bool = True
    """Hand the indices on through int32."""

    def rewrite(self, node: ir.Node, rw: Rewriter) -> Mapping[ir.Value, ir.Value] | Skip | None:
        """Restate the node; what cannot be done is a note beside what can."""
        data, k = node.inputs[0], rw.input(node, 1)
        assert data is not None, "the data of TopK are not optional"
        if not any(_is_read(value) for value in node.outputs):
            return None
        known, axis = dims(data), rw.attr_int(node, "axis", -1)
        number = rw.attr_int(node, "k", 0) if k is None else fixed(k, rw)
        size = None if known is None else known[axis]
        if number is not None and isinstance(size, int) and number > size:
            return rw.skip(f"it is to find {int(number)} elements of {size}, which nothing runs")
        last = axis == -1 or (known is not None and axis == len(known) - 1)
        order = None if last or known is None else _swapped(len(known), axis)
        integers = data.dtype is not None and data.dtype.is_integer()
        as_floats = integers and _are_small(node, data, rw)
        narrow = self.cast_indices and (bool(order) or _wide_readers(node.outputs[1], rw))
        folded = int(number) if number is not None and k is not None and _is_computed(k) else None
        obstacles = {
            "its number may differ from run to run": number is None,
            "the rank of its data is not known": not last and order is None,
            "its integers may be beyond 2048": integers and not as_floats,
        }
        stays = "; ".join(reason for reason, holds in obstacles.items() if holds)
        if not (order or as_floats or narrow or folded is not None):
            return rw.skip(stays) if stays else None
        if stays:
            rw.note(f"{stays}, so that this stays")
        back_to = data.dtype if as_floats else None
        return _rebuilt(node, folded, order, back_to, narrow, rw)


def _rebuilt(
    node: ir.Node,
    number: int | None,
    order: Sequence[int] | None,
    integers: ir.DataType | None,
    narrow: bool,
    rw: Rewriter,
) -> Mapping[ir.Value, ir.Value]:
    """The node with another number, between Transposes to an order and back, and Casts.

    Integers of this type are sorted as floats; with ``narrow`` indices go through int32.
    """
    inputs = list(node.inputs)
    if number is not None:
        inputs[1] = rw.const([number])
    if integers is not None:
        inputs[0] = rw.op("Cast", inputs[0], to=int(ir.DataType.FLOAT))
    if order:
        inputs[0] = rw.op("Transpose", inputs[0], perm=order)
    made = rw.restate(node, inputs, attributes={"axis": -1} if order else None)
    # The first type before the Transpose, which so moves int32, and the others behind it.
    types = (
        [integers] if integers is not None else [],
        [ir.DataType.INT32, ir.DataType.INT64] if narrow else [],
    )
    replaced = {}
    for old, new, casts in zip(node.outputs, made, types, strict=True):
        if not _is_read(old):
            continue
        for to in casts[:1]:
            new = rw.op("Cast", new, to=int(to))
        if order:
            new = rw.op("Transpose", new, perm=order)
        for to in casts[1:]:
            new = rw.op("Cast", new, to=int(to))
        replaced[old] = new
    return replaced


def _is_read(value: ir.Value) -> bool:
    return bool(value.uses()) or value.is_graph_output()


def _is_computed(value: ir.Value) -> bool:
    """Whether what is the same in every run follows from sizes, rather than being a constant."""
    producer = value.producer()
    return producer is not None and producer.op_type != "Constant"


def _swapped(count: int, axis: int) -> Sequence[int]:
    """The order in which ``axis`` and the last one change places; it is its own inverse."""
    order = np.arange(count)
    order[[axis, -1]] = order[[-1, axis]]
    return [int(each) for each in order]


def _are_small(node: ir.Node, data: ir.Value, rw: Rewriter) -> bool:
    """Whether integers lie between -2048 and 2048, by their type or by the graph."""
    assert data.dtype is not None
    bounds = [Interval(*limits(data.dtype))]
    if node.graph is rw.model.graph:
        bounds.append(derived_bound(data, rw))
    return any(bound.within(-_INTEGERS, _INTEGERS) for bound in bounds)


def _wide_readers(indices: ir.Value, rw: Rewriter) -> bool:
    """Whether something reads the indices in int64."""
    return indices.is_graph_output() or any(
        use.node.op_type != "Cast"
        or use.node.domain not in ("", "ai.onnx")
        or rw.attr_int(use.node, "to", 0) != ir.DataType.INT32
        for use in indices.uses()
    )

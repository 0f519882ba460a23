"""The ``topk`` pass: TopK as the AI Core has it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx_ir as ir

from graphfix.contract import Exact
from graphfix.rewrite import RewritePass, Rewriter, Skip
from graphfix.rewrite.bounds import ANY, Interval, derive, limits
from graphfix_passes._known import dims, fixed

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
        known, axis = dims(data), rw.attr_int(node, "axis", -1)
        number = rw.attr_int(node, "k", 0) if k is None else fixed(k, rw)
        size = None if known is None else known[axis]
        if number is not None and isinstance(size, int) and number > size:
            return rw.skip(f"it is to find {int(number)} elements of {size}, which nothing runs")
        last = axis == -1 or (known is not None and axis == len(known) - 1)
        order = None if last or known is None else _swapped(len(known), axis)
        integers = data.dtype is not None and data.dtype.is_integer()
        as_floats = integers and _bound(node, data, rw).within(-_INTEGERS, _INTEGERS)
        narrow = self.cast_indices and (bool(order) or _wide_readers(node.outputs[1], rw))
        folds = number is not None and k is not None and not _is_plain(k)
        obstacles = {
            "its number may differ from run to run": number is None,
            "the rank of its data is not known": not last and order is None,
            "its integers may be beyond 2048": integers and not as_floats,
        }
        stays = "; ".join(reason for reason, holds in obstacles.items() if holds)
        if not (folds or order or as_floats or narrow):
            return rw.skip(stays) if stays else None
        if stays:
            rw.note(f"{stays}, so that this stays")

        inputs = list(node.inputs)
        if folds:
            inputs[1] = rw.const([int(number or 0)])
        if as_floats:
            inputs[0] = rw.op("Cast", data, to=int(ir.DataType.FLOAT))
        if order:
            inputs[0] = rw.op("Transpose", inputs[0], perm=order)
        made = rw.restate(node, inputs, axis=-1 if order else axis)
        casts = (
            [int(data.dtype)] if as_floats and data.dtype is not None else [],
            [int(ir.DataType.INT32), int(ir.DataType.INT64)] if narrow else [],
        )
        replaced = {}
        for old, new, types in zip(node.outputs, made, casts, strict=True):
            if not (old.uses() or old.is_graph_output()):
                continue
            for to in types[:1]:
                new = rw.op("Cast", new, to=to)
            if order:
                new = rw.op("Transpose", new, perm=order)
            for to in types[1:]:
                new = rw.op("Cast", new, to=to)
            replaced[old] = new
        return replaced


def _is_plain(value: ir.Value) -> bool:
    """Whether a constant is written as one, rather than being what follows from sizes."""
    producer = value.producer()
    return producer is None or producer.op_type == "Constant"


def _swapped(count: int, axis: int) -> Sequence[int]:
    """The order in which ``axis`` and the last one change places; it is its own inverse."""
    order = np.arange(count)
    order[[axis, -1]] = order[[-1, axis]]
    return [int(each) for each in order]


def _bound(node: ir.Node, data: ir.Value, rw: Rewriter) -> Interval:
    """Between which numbers the data lie, by their type or by the graph as it was."""
    assert data.dtype is not None
    by_type = Interval(*limits(data.dtype))
    if by_type.within(-_INTEGERS, _INTEGERS) or node.graph is not rw.model.graph:
        return by_type
    if "bounds" not in rw.memory:
        rw.memory["bounds"] = derive(rw.model)
    bounds: Mapping[str, Interval] = rw.memory["bounds"]
    return bounds.get(data.name or "", ANY)


def _wide_readers(indices: ir.Value, rw: Rewriter) -> bool:
    """Whether something reads the indices in int64."""
    return indices.is_graph_output() or any(
        use.node.op_type != "Cast"
        or use.node.domain not in ("", "ai.onnx")
        or rw.attr_int(use.node, "to", 0) != ir.DataType.INT32
        for use in indices.uses()
    )

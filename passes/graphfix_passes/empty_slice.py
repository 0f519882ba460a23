"""The ``empty-slice`` pass: tensors without elements, and Slices that reach too far."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from graphfix.contract import Exact
from graphfix.rewrite import PassContext, PassResult, RewritePass, Rewriter, Skip
from graphfix_passes._known import Dim, dims
from graphfix_passes._parts import folds, split
from graphfix_passes._slices import Cut, cuts, restated


@dataclass(frozen=True, kw_only=True)
class EmptySlice(RewritePass):
    """Remove tensors without elements, and let Slices end with their axis.

    Why
        ATC wants every dim above 0 of what nodes make; constants may be empty. Slices that are
        empty at the exported size come from paddings, caches and windows of no length. Ends such
        as the largest int64, for "to the end", are beyond the int32 that other steps make of them;
        scripts of the ModelZoo lower them by hand (WeNet).

    Rewrites
        1. A Concat without its pieces of no length, which are told by their shape or by the limits
           of the Slice that makes them.
        2. A Split without its parts of no length that nobody reads.
        3. What has no elements, from any operator, into a constant of its shape.
        4. Starts and ends that lie outside of an axis of known size into its first place or the
           one behind its last.

    Leaves alone
        What has no elements and is an output of its graph, or has sizes or a type that are not
        known. Limits, axes or steps that are computed. An axis that is named twice, which means
        nothing. Steps back, whose ends have no other name. Slices of constants and of lists of
        integers, which fold.
    """

    name = "empty-slice"
    match_ops = ("Concat", "Slice", "Split")
    contract = Exact()
    must_match = False
    reads_shapes = True

    def matches(self, node: ir.Node) -> bool:
        """Whatever makes an empty tensor, too, but for constants."""
        if node.op_type == "Constant" or node.domain not in self.match_domains:
            return False
        return node.op_type in self.match_ops or any(_is_empty(value) for value in node.outputs)

    def run(self, model: ir.Model, context: PassContext) -> PassResult:
        """See the class; without its pieces, a Concat may leave a Split with one to drop."""
        return self.run_again(model, context, lambda result: bool(result.rewrites))

    def rewrite(
        self, node: ir.Node, rw: Rewriter
    ) -> Mapping[ir.Value, ir.Value] | Sequence[ir.Value] | Skip | None:
        """Put constants for empty outputs, then look at the operator."""
        empty = [value for value in node.outputs if _is_empty(value) and value.uses()]
        constants = {
            value: rw.const(np.empty(value.shape.numpy(), value.dtype.numpy()))
            for value in empty
            if value.shape is not None
            and value.shape.is_static()
            and value.dtype not in (None, ir.DataType.STRING)
            and not value.is_graph_output()
        }
        if constants:
            return constants
        if node.op_type == "Concat":
            return _concat(node, rw)
        if node.op_type == "Split":
            return _split(node, rw)
        for value in node.outputs:
            if _is_empty(value) and value.is_graph_output():
                return rw.skip(f"{value.name!r} has no elements and is an output of its graph")
        for value in empty:
            if any(use.node.op_type != "Concat" for use in value.uses()):
                return rw.skip(f"{value.name!r} has no elements, and a size or type is not known")
        return _slice(node, rw) if node.op_type == "Slice" else None


def _is_empty(value: ir.Value) -> bool:
    is_tensor = value.type is None or isinstance(value.type, ir.TensorType)
    return is_tensor and value.shape is not None and 0 in value.shape.dims


def _concat(node: ir.Node, rw: Rewriter) -> Mapping[ir.Value, ir.Value] | Sequence[ir.Value] | None:
    axis = rw.attr_int(node, "axis", 1)
    pieces = [value for value in node.inputs if not _is_empty_along(value, axis, rw)]
    pieces = pieces or list(node.inputs[:1])
    if len(pieces) == len(node.inputs):
        return None
    if len(pieces) == 1 and pieces[0] is not None:
        return {node.outputs[0]: pieces[0]}
    return rw.restate(node, pieces)


def _is_empty_along(value: ir.Value | None, axis: int, rw: Rewriter) -> bool:
    known = dims(value)
    if known is None or not -len(known) <= axis < len(known):
        return False
    node = rw.producer(value, "Slice")
    if known[axis] == 0 or node is None:
        return known[axis] == 0
    kept = cuts(node, dims(node.inputs[0]) or known, rw)
    return not isinstance(kept, Skip) and _keeps_nothing(kept.get(axis % len(known)))


def _keeps_nothing(cut: Cut | None) -> bool:
    """Whether a cut is empty for every size: with both ends counted from the same side."""
    if cut is None:
        return False
    start, end, step = cut
    return step > 0 and start >= end and (start < 0) == (end < 0)


def _split(node: ir.Node, rw: Rewriter) -> Mapping[ir.Value, ir.Value] | None:
    axis, data = rw.attr_int(node, "axis", 0), node.inputs[0]
    sizes = [_size(value, axis) for value in node.outputs]
    left = [
        (value, size)
        for value, size in zip(node.outputs, sizes, strict=True)
        if size != 0 or value.uses() or value.is_graph_output()
    ]
    known = [size for _, size in left if isinstance(size, int)]
    if data is None or len(left) in (0, len(sizes)) or len(known) < len(left):
        return None
    parts = [data] if len(left) == 1 else split(rw, data, known, axis)
    return {value: part for (value, _), part in zip(left, parts, strict=True)}


def _size(value: ir.Value, axis: int) -> Dim:
    known = dims(value)
    return known[axis] if known is not None and -len(known) <= axis < len(known) else None


def _slice(node: ir.Node, rw: Rewriter) -> Sequence[ir.Value] | Skip | None:
    data, known = node.inputs[0], dims(node.inputs[0])
    if data is None or folds(data):
        return None
    kept = cuts(node, known, rw)
    if known is None or isinstance(kept, Skip):
        return kept if isinstance(kept, Skip) else None
    bounded = {axis: _bounded(cut, known[axis]) for axis, cut in kept.items()}
    return restated(node, data, bounded, rw) if bounded != kept else None


def _bounded(cut: Cut, size: Dim) -> Cut:
    """The same cut, with limits inside of the axis or at its ends."""
    start, end, step = cut
    if step < 0 or not isinstance(size, int):
        return cut
    start, end = (0 if limit < -size else min(limit, size) for limit in (start, end))
    return start, end, step

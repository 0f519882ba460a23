"""The ``qkv-split`` pass: queries, keys and values by products of their own, or by one."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from graphfix.rewrite import RewritePass, Rewriter, Skip
from graphfix_passes._parts import siblings, split
from graphfix_passes._qkv import Product, build, parts, product, view

_MOST = 3


class Mode(enum.Enum):
    """Which way the pass goes."""

    SPLIT = "split"
    MERGE = "merge"


@dataclass(frozen=True, kw_only=True)
class QkvSplit(RewritePass):
    """Split a product that is taken apart into queries, keys and values into three products.

    Why
        The parts of one product are copied before the attention reads them, and ATC's fusions of
        attention look for three products. Scripts that port GPT-2 to Ascend split it, and so does
        Ascend's auto-optimizer (SplitQKVMatmul).

    Rewrites
        1. split: MatMul or Gemm by a constant, with the constant that is added, whose result goes
           to a Split, to Gathers or to Slices, behind a Reshape and a Transpose or without: one
           product for each part, with the columns of the weights that the part needs.
        2. merge: two or three MatMuls of one tensor by constants, each with a constant added or
           none: one, and a Split.

    Leaves alone
        A result that something else reads, too. More than three parts, or a part alone. Parts
        along an axis that does not come from the columns. Sizes that are not known, and more than
        one open size in the Reshape, which ``fold-shapes`` may find. Limits that are computed.

    Numerics
        Each number is the same sum; a kernel may add it up in another order for other widths.
    """

    name = "qkv-split"
    example = "qkv-split{mode=merge}"
    match_ops = ("Gemm", "MatMul")
    reads_shapes = True

    mode: Mode = Mode.SPLIT
    """split: a product for each part; merge: one product of those with one input."""

    def rewrite(self, node: ir.Node, rw: Rewriter) -> Mapping[ir.Value, ir.Value] | Skip | None:
        """Split the product, or merge those beside it."""
        found = product(node, rw)
        if found is None:
            return None
        return _split(found, rw) if self.mode is Mode.SPLIT else _merged(node, rw)


def _split(found: Product, rw: Rewriter) -> Mapping[ir.Value, ir.Value] | Skip | None:
    seen = view(found, rw)
    if seen is None or isinstance(seen, Skip):
        return seen
    taken = parts(seen, rw)
    if taken is None or isinstance(taken, Skip):
        return taken
    axis = seen.order[taken[0].axis] if taken else 0
    if axis < len(seen.lead) or (seen.shape is None and any(part.gone for part in taken)):
        return rw.skip("the parts are not columns of the weights")
    if any(part.start >= part.end for part in taken):
        return rw.skip("a part is empty")
    count = len({(part.start, part.end) for part in taken})
    if count < 2:
        return None
    if count > _MOST:
        return rw.skip(f"it is taken apart into {count} parts")
    made: dict[tuple[int, int, bool], ir.Value] = {}
    for part in taken:
        key = (part.start, part.end, part.gone)
        if key not in made:
            made[key] = build(found, seen, part, rw)
    return {part.value: made[part.start, part.end, part.gone] for part in taken}


def _merged(node: ir.Node, rw: Rewriter) -> Mapping[ir.Value, ir.Value] | Skip | None:
    data = node.inputs[0]
    found = [each for other in siblings(node, rw) if (each := product(other, rw)) is not None]
    if data is None or node in rw.memory or node.op_type != "MatMul" or len(found) < 2:
        return None
    rw.memory.update(dict.fromkeys(each.node for each in found))
    if len(found) > _MOST:
        return rw.skip(f"{len(found)} products read its input")
    rank = len(rw.facts.dims(node.outputs[0]) or ())
    if not rank:
        return rw.skip("the rank of what it makes is not known")
    biases = [_vector(each, rank, rw) for each in found]
    added = [bias for bias in biases if bias is not None]
    if 0 < len(added) < len(found):
        return rw.skip("a bias is added to some of the products only")
    weights = [array for each in found if (array := rw.constant(each.weights)) is not None]
    value = rw.copy(node, data, rw.const(np.concatenate(weights, axis=1)))
    if added:
        value = rw.op("Add", value, rw.const(np.concatenate(added)))
    pieces = split(rw, value, [each.columns for each in found], rank - 1)
    ends = [each.result if added else each.node.outputs[0] for each in found]
    return dict(zip(ends, pieces, strict=True))


def _vector(found: Product, rank: int, rw: Rewriter) -> np.ndarray | None:
    """The bias, if it has one number for each column and no more dims than the product."""
    array = rw.constant(found.bias)
    if array is None or array.size != found.columns or array.ndim > rank:
        return None
    return array.reshape(-1)

"""The ``nonzero`` pass: indices of a mask that need not be looked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Final

import numpy as np
import onnx_ir as ir

from graphfix.contract import EQUAL, Close, Contract, Exact
from graphfix.rewrite import Rewrite, RewritePass, Rewriter, Skip
from graphfix.rewrite.symbolic.size import Size
from graphfix_passes._axes import squeezed, unsqueezed
from graphfix_passes._known import known_array
from graphfix_passes._masked import Unmasked, mask_of

_REDUCTIONS: Final = {"add": "Add", "mul": "Mul"}
"""What a reduction does with the old and the new elements, of which there is one for each."""

_MOST_ELEMENTS: Final = 1 << 16
"""Larger masks are not written out as indices."""

_RANGE_SINCE: Final = 11
"""The opset that brought Range."""

_LONGEST_CHAIN: Final = 32
"""How many nodes are looked back."""

_FILLS: Final = ("ConstantOfShape", "Expand", "Identity", "Reshape", "Squeeze", "Unsqueeze")
"""A tensor full of one number, and what keeps it full."""


@dataclass(frozen=True, kw_only=True)
class Nonzero(RewritePass):
    """Write under a mask by Where instead of NonZero, and fold NonZero where all is known.

    Why
        The data decide how many elements NonZero finds, so that all behind it has dynamic shapes:
        no gears, and no static graph for the AI Core.

    Rewrites
        1. ``x[mask] = v`` and ``x[mask] = f(x[mask])``, which exporters write as NonZero, GatherND
           and ScatterND: to Where of f(x) or v, and x. f is made of operators that treat each
           element alone, and of numbers that are the same for all elements under the mask.
        2. NonZero of a constant: to its indices.
        3. NonZero of a tensor that is full: to a constant, or to a Range along one open axis, as
           old exporters write it.

    Leaves alone
        Elements under a mask that go elsewhere, as their number stays open. Values written in the
        order of the mask from elsewhere, as in ``x[mask] = y``, or given their shape in several
        steps, of which ``fold-shapes`` and ``cse`` leave one. A mask that may be smaller than
        what it masks. A division of integers, of which the divisor may be 0 elsewhere. Constants
        of more than 65536 elements. A full tensor of several open axes.

    Numerics
        Exact, but for the sign of zeros, which onnxruntime's Where loses, and for functions such as
        Exp, of which kernels may compute the rest of a vector by other means.
    """

    name = "nonzero"
    match_ops = ("NonZero", "ScatterND")
    contract = Exact()
    must_match = False
    reads_shapes = True

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip | None:
        """What writes under a mask, or what finds its elements."""
        return _written(node, rw) if node.op_type == "ScatterND" else _indices(node, rw)

    def conclude(self, rewrites: Sequence[Rewrite], rw: Rewriter) -> Contract:
        """The loosest promise that was made."""
        promised = {each.contract for each in rewrites if each.contract is not None}
        return next((loose for loose in (Close(), EQUAL) if loose in promised), self.contract)


def _written(node: ir.Node, rw: Rewriter) -> ir.Value | Skip | None:
    """A Where in the place of the ScatterND; ``None`` when no mask is behind it."""
    data, indices, update = node.inputs
    mask = mask_of(indices, rw)
    if mask is None or data is None or update is None:
        return None
    reduction = rw.attr_str(node, "reduction", "none")
    if reduction not in ("none", *_REDUCTIONS):
        return rw.skip(f"its reduction is {reduction!r}")
    own, under = rw.facts.dims(mask), rw.facts.dims(data)
    if own is None or under is None or own != under[: len(own)] or not own:
        return rw.skip("its mask may be smaller than what it masks")
    unmasked = Unmasked(mask, data, len(own), rw)
    new = unmasked.update(update)
    if isinstance(new, Skip):
        return new
    rw.promise(EQUAL if unmasked.exact else Close())
    if reduction != "none":
        new = rw.op(_REDUCTIONS[reduction], data, new)
    return rw.op("Where", _condition(mask, len(under) - len(own), rw), new, data)


def _condition(mask: ir.Value, missing: int, rw: Rewriter) -> ir.Value:
    """The mask as bools, with dims of 1 for so many axes that it does not have."""
    expand = rw.producer(mask, "Expand")
    source = expand.inputs[0] if expand is not None else None
    if source is not None and rw.facts.dims(source) is not None:
        mask = source  # Where expands it, too
    dims = rw.facts.dims(mask)
    assert dims is not None, "it has the dims of what it masks"
    if mask.dtype != ir.DataType.BOOL:
        mask = rw.op("Cast", mask, to=int(ir.DataType.BOOL))
    return unsqueezed(rw, mask, range(len(dims), len(dims) + missing)) if missing else mask


def _indices(node: ir.Node, rw: Rewriter) -> ir.Value | Skip | None:
    """What NonZero finds when that is known; ``None`` when a ScatterND is to answer for it."""
    mask = node.inputs[0]
    assert mask is not None
    array, dims = known_array(mask, rw), rw.facts.dims(mask)
    if dims == ():
        return rw.skip("onnxruntime and ONNX differ about a mask without axes")
    if array is None and dims is not None and _is_full(mask, rw):
        return _all_indices(mask, dims, rw)
    if array is not None and array.size > _MOST_ELEMENTS:
        return rw.skip(f"its constant mask has {array.size} elements")
    if array is not None:
        return rw.const(np.array(np.nonzero(array), np.int64))
    if _is_written_back(node.outputs[0]):
        return None
    return rw.skip("the data decide how many elements it finds, and what reads them needs each one")


def _all_indices(mask: ir.Value, dims: Sequence[Size], rw: Rewriter) -> ir.Value | Skip:
    sizes = [size for size in dims if isinstance(size, int)]
    if len(sizes) == len(dims):
        if prod(sizes) > _MOST_ELEMENTS:
            return rw.skip(f"its full mask has {prod(sizes)} elements")
        return rw.const(np.indices(sizes).reshape(len(sizes), -1))
    if len(dims) > 1:
        return rw.skip("its mask is full, but open in size and of several axes")
    if rw.opset < _RANGE_SINCE:
        return rw.skip(f"opset {rw.opset} has no Range")
    maker = rw.producer(mask, "ConstantOfShape")
    shape = maker.inputs[0] if maker is not None else rw.op("Shape", mask)
    assert shape is not None
    size = squeezed(rw, shape, [0])
    return unsqueezed(rw, rw.op("Range", rw.const(0), size, rw.const(1)), [0])


def _is_full(value: ir.Value | None, rw: Rewriter) -> bool:
    """Whether every element of a tensor is known to be another number than 0."""
    for _ in range(_LONGEST_CHAIN):
        array, node = rw.constant(value), rw.producer(value, *_FILLS)
        if array is not None:
            return bool(array.all())
        if node is None:
            return False
        if node.op_type == "ConstantOfShape":
            fill = node.attributes.get("value")
            return fill is not None and not fill.is_ref() and bool(fill.as_tensor().numpy().all())
        value = node.inputs[0]
    return False


def _is_written_back(found: ir.Value) -> bool:
    """Whether a ScatterND reads the indices, for which it answers."""
    turned = [use.node.outputs[0] for use in found.uses() if use.node.op_type == "Transpose"]
    return any(use.node.op_type == "ScatterND" for value in turned for use in value.uses())

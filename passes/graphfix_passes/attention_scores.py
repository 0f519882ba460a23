"""The ``attention-scores`` pass: from the product of an attention to its Softmax."""

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from graphfix.rewrite import RewritePass, Rewriter, Skip, constant_tensor
from graphfix.rewrite.symbolic import Number
from graphfix_passes._known import fixed
from graphfix_passes._size_chain import size_chain

_RANK = 4
"""Batch, heads, queries, keys."""
_HEADS = 1
_MOST_STEPS = 3
"""From the scores to the Softmax: a scale, a mask, and one more, such as a bias by position."""


_HALF_ULP = {ir.DataType.BFLOAT16: 2.0**-8}


@dataclass(frozen=True, kw_only=True)
class AttentionScores(RewritePass):
    """Scale the scores of an attention by a Mul, and add a mask that spreads over heads only.

    Why
        For the 310P, ATC fuses an attention to two kernels, AttentionLnQKV and AttentionScore, when
        it is written in one certain form. Ascend's surgeon, whose rule KnowledgeBigKernel brings
        models to it, says of the sum with the mask that its second input may be broadcast along
        axis 1 and no other; the rule before it, for BERT, made a Mul of the Div as well.

    Rewrites
        Between a MatMul and the Softmax of what it makes:

        1. ``Div(scores, c)`` into ``Mul(scores, 1/c)``, and ``Mul(c, scores)`` into
           ``Mul(scores, c)``.
        2. ``Add(mask, scores)`` into ``Add(scores, mask)``, and a mask that lacks batch, queries
           or keys into an Expand of it, which all layers with this mask share.

    Leaves alone
        Products by constants. Scores that are not divided by one constant, or by one whose inverse
        is no normal number. Masks and scores of unknown sizes, masks that are larger than the
        scores, and scores without a batch or heads.

    Numerics
        1/c is rounded, unless c is a power of two.
    """

    name = "attention-scores"
    match_ops = ("Add", "Div", "Mul")
    reads_shapes = True

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip | None:
        """Restate a scale or a sum."""
        scores = next((value for value in node.inputs if _are_scores(value, rw)), None)
        if scores is None or not _meets_softmax(node.outputs[0], rw):
            return None
        swapped = node.inputs[0] is not scores
        other = node.inputs[0 if swapped else 1]
        assert other is not None
        if node.op_type == "Add":
            return _masked(node, scores, other, rw)
        if node.op_type == "Div":
            return None if swapped else _inverted(node, scores, other, rw)
        return rw.restate(node, [scores, other])[0] if swapped and constant_tensor(other) else None


def _are_scores(value: ir.Value | None, rw: Rewriter) -> bool:
    """Whether ``value`` is a product of two computed tensors, scaled or not."""
    scale = rw.producer(value, "Div", "Mul")
    if scale is not None:
        value = next((each for each in scale.inputs if rw.producer(each, "MatMul")), None)
    product = rw.producer(value, "MatMul")
    return product is not None and not any(constant_tensor(each) for each in product.inputs)


def _meets_softmax(value: ir.Value, rw: Rewriter) -> bool:
    for _ in range(_MOST_STEPS):
        nodes = [use.node for use in value.uses()]
        if any(node.op_type == "Softmax" for node in nodes):
            return True
        following = [node for node in nodes if node.op_type in ("Add", "Where", "Mul", "Div")]
        if len(following) != 1:
            return False
        value = following[0].outputs[0]
    return False


def _inverted(node: ir.Node, scores: ir.Value, divisor: ir.Value, rw: Rewriter) -> ir.Value | Skip:
    number, dtype = fixed(divisor, rw), divisor.dtype or scores.dtype
    if number is None or dtype is None:
        return rw.skip("the scores are not divided by one constant")
    with np.errstate(all="ignore"):
        inverse = (1 / np.float64(number)).astype(dtype.numpy())
        off = abs(float(inverse) * number - 1)
    if not off <= _HALF_ULP.get(dtype, 2.0**-11):  # not finite, zero or subnormal
        return rw.skip(f"1/{number:g} is no normal number of {dtype.name.lower()}")
    return rw.restate(node, [scores, rw.const(np.asarray(inverse))], op_type="Mul")[0]


def _masked(
    node: ir.Node, scores: ir.Value, mask: ir.Value, rw: Rewriter
) -> ir.Value | Skip | None:
    """The sum with the mask behind, and as large as the scores but for the heads."""
    given, made = rw.facts.dims(mask), rw.facts.dims(node.outputs[0])
    large = rw.facts.dims(scores)
    if given is None or made is None or large is None:
        return rw.skip("the sizes of the scores or of the mask are not known")
    if len(large) != _RANK:
        return rw.skip(f"the scores have {len(large)} dims, not batch, heads, queries and keys")
    if made != large:
        return rw.skip("the mask may be larger than the scores")
    own = (1,) * (_RANK - len(given)) + given
    wanted = tuple(
        size if have == 1 and axis != _HEADS else 1
        for axis, (have, size) in enumerate(zip(own, made, strict=True))
    )
    whole = all(have == size or size == 1 for have, size in zip(own, wanted, strict=True))
    if whole and len(given) == _RANK:
        return None if node.inputs[0] is scores else rw.restate(node, [scores, mask])[0]
    expanded = _expanded(mask, wanted, scores, node, rw)
    if expanded is None:
        return rw.skip("the sizes of the scores do not follow from one tensor")
    return rw.restate(node, [scores, expanded])[0]


def _expanded(
    mask: ir.Value, wanted: tuple[Number, ...], scores: ir.Value, node: ir.Node, rw: Rewriter
) -> ir.Value | None:
    """The mask stretched to sizes, of which 1 leaves an axis as it is; one for all layers."""
    key = (mask, wanted, node.graph)
    known: ir.Value | None = rw.memory.get(key)
    maker = known.producer() if known is not None else None
    if known is not None and maker is not None and maker.graph is not None:
        return known
    sizes = [size for size in wanted if isinstance(size, int)]
    shape: ir.Value
    if len(sizes) == len(wanted):
        shape = rw.const(sizes)
    else:
        chain = size_chain(scores, wanted, rw.facts)
        if chain is None:
            return None
        shape = chain.build(rw)
    rw.memory[key] = expanded = rw.op("Expand", mask, shape)
    return expanded

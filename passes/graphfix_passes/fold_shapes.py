"""The ``fold-shapes`` pass: what a model computes about its own sizes, computed now."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from graphfix.contract import Exact
from graphfix.rewrite import (
    PassContext,
    PassResult,
    RewritePass,
    Rewriter,
    Skip,
    constant_tensor,
    scopes,
)
from graphfix.rewrite.symbolic import Facts, Known, Number, is_positive
from graphfix.rewrite.symbolic.numbers import OPERATORS
from graphfix_passes._size_chain import SizeChain, size_chain

_TAKERS = ("Reshape", "Expand")
"""Operators whose input 1 is a shape that need not be computed to be right."""
_CLEARLY = 2
"""A chain is replaced by another one if that has at least so many nodes less."""


@dataclass(frozen=True, kw_only=True)
class FoldShapes(RewritePass):
    """Replace computed shapes by constants, or by the shortest chain that computes them.

    Why
        An exporter writes the sizes of a tensor as Shape, Gather, Unsqueeze and Concat even where
        they are known. ATC takes a shape that is not a constant for dynamic, and int64 arithmetic
        runs on the CPU of the device.

    Rewrites
        1. What the model computes about its sizes and is the same for all sizes of its inputs
           becomes a constant, up to 4096 numbers.
        2. The computed shape of a Reshape becomes a constant: sizes that are known, 0 for those
           of the input's own axis, and -1 for one size that depends on the inputs. ``allowzero``
           goes.
        3. The computed shape of an Expand becomes a constant: sizes that are known, and 1 for
           those the input has already.
        4. Other sizes, when each is ``a * size + b`` with a size of one tensor, become Shape,
           Gather, Mul and Add, as far as needed, if that is at least two nodes shorter.

        Nodes that only computed what is constant now are gone. Symbolic dims of inputs are taken
        to be at least 1, dims with the same name to be equal, and an axis to be no longer than
        524288 where sizes are computed in floats.

    Leaves alone
        A Reshape of which more than one size depends on the inputs, or may be an empty axis
        (``allowzero``). An Expand to a size that depends on the inputs. A shape of which not even
        the length is known.
    """

    name = "fold-shapes"
    match_ops = (*OPERATORS, "Shape", "Size")
    contract = Exact()
    must_match = False
    reads_shapes = True

    def run(self, model: ir.Model, context: PassContext) -> PassResult:
        """Run until nothing changes.

        A chain that two values share is shorter when one is gone, and where a computed shape has
        become a constant, shape inference finds sizes that fold further on. Neither is so where
        all sizes are numbers.
        """
        return self.run_again(model, context, lambda last: bool(last.rewrites) and _is_open(model))

    def rewrite(self, node: ir.Node, rw: Rewriter) -> Mapping[ir.Value, ir.Value] | Skip | None:
        """Fold what leaves the computation of sizes at this node, or the shape it takes."""
        if _takes_computed_shape(node) and not _folds(node.outputs[0], rw.facts):
            return _with_constant_shape(node, rw)
        known = [value for value in node.outputs if rw.facts.value(value) is not None]
        if not known:
            return None  # as for almost all nodes
        constants = {
            value: rw.const(array)
            for value in known
            if _leaves(value, rw.facts) and (array := _array(value, rw.facts)) is not None
        }
        if constants:
            return constants
        value = node.outputs[0]
        if value not in known:
            return None
        if all(_needs_no_value(use.node, use.idx, rw.facts) for use in value.uses()):
            return None
        chain = _shorter(value, rw.facts)
        if chain is None:
            return None
        rw.note(f"{value.name} is [{', '.join(map(str, _sizes(value, rw.facts)))}]")
        return {value: chain.build(rw)}


def _is_open(model: ir.Model) -> bool:
    """Whether the size of a result is no number."""
    seen: set[int] = set()  # equal shapes are mostly one
    for scope in scopes(model):
        for node in scope:
            for value in node.outputs:
                shape = value.shape
                if id(shape) in seen:
                    continue
                if shape is None or not shape.is_static():
                    return True
                seen.add(id(shape))
    return False


def _sizes(value: ir.Value | None, facts: Facts) -> tuple[Number | None, ...]:
    known = facts.value(value)
    return () if known is None else known.sizes


def _array(value: ir.Value, facts: Facts) -> np.ndarray | None:
    known = facts.value(value)
    return None if known is None else known.constant


def _folds(value: ir.Value, facts: Facts) -> bool:
    """Whether ``value`` is computed although it is always the same."""
    return constant_tensor(value) is None and _array(value, facts) is not None


def _leaves(value: ir.Value, facts: Facts) -> bool:
    """Whether ``value`` folds, and something that does not fold reads it."""
    return _folds(value, facts) and (
        value.is_graph_output()
        or any(not all(_folds(out, facts) for out in use.node.outputs) for use in value.uses())
    )


def _needs_no_value(node: ir.Node, port: int, facts: Facts) -> bool:
    """Whether the reader of a computed size is replaced itself, or is part of a longer chain."""
    if node.op_type in _TAKERS and port == 1:
        return _constant_shape(node, facts) is not None
    first = node.outputs[0] if node.outputs else None
    known = facts.value(first) if first is not None and node.op_type in OPERATORS else None
    return known is not None and None not in known.sizes


def _takes_computed_shape(node: ir.Node) -> bool:
    if node.op_type not in _TAKERS or len(node.inputs) < 2:
        return False
    return constant_tensor(node.inputs[1]) is None


def _with_constant_shape(node: ir.Node, rw: Rewriter) -> Mapping[ir.Value, ir.Value] | Skip:
    data, shape = node.inputs[0], node.inputs[1]
    known = rw.facts.value(shape)
    wanted = _constant_shape(node, rw.facts)
    if known is None:
        return rw.skip("the length of its shape is not known")
    if wanted is None:
        sizes = ", ".join("?" if size is None else str(size) for size in known.sizes)
        if node.op_type == "Expand":
            return rw.skip(f"it expands to [{sizes}], which depends on the inputs")
        if 0 in known.sizes:
            return rw.skip(f"its shape [{sizes}] has an empty axis (allowzero)")
        return rw.skip(f"more than one size of its shape [{sizes}] depends on the inputs")
    result = rw.op(node.op_type, data, rw.const(wanted))
    return {node.outputs[0]: result}


def _constant_shape(node: ir.Node, facts: Facts) -> list[int] | None:
    """The shape input that gives the same result at all sizes."""
    known, dims = facts.value(node.inputs[1]), facts.dims(node.inputs[0])
    if known is None or known.data.ndim != 1:
        return None
    if node.op_type == "Expand":
        return None if dims is None else _expanded(known, dims)
    return _reshaped(node, known, dims or (), facts.dims(node.outputs[0]) or ())


def _expanded(known: Known, dims: tuple[Number, ...]) -> list[int] | None:
    lacking = len(known.sizes) - len(dims)
    own = (None,) * lacking + dims if lacking >= 0 else dims[-lacking:]
    wanted = [
        1 if size is not None and size == dim else size
        for size, dim in zip(known.sizes, own, strict=True)
    ]
    fixed = [size for size in wanted if isinstance(size, int)]
    return fixed if len(fixed) == len(wanted) else None


def _reshaped(
    node: ir.Node, known: Known, dims: tuple[Number, ...], made: tuple[Number, ...]
) -> list[int] | None:
    """``dims`` are those of the input, ``made`` those of the output."""
    zero = node.attributes.get("allowzero")
    if zero is not None and (zero.is_ref() or (zero.as_int() and 0 in known.sizes)):
        return None
    wanted: list[int] = []
    for axis, size in enumerate(known.sizes):
        if size == -1 and axis < len(made) and isinstance(made[axis], int):
            size = made[axis]  # which leaves -1 to another one
        own = dims[axis] if axis < len(dims) else None
        wanted.append(
            size if isinstance(size, int) else 0 if size is not None and size == own else -1
        )
    if wanted.count(-1) > 1:
        return None
    # Beside -1 no other size may turn out 0, which would leave nothing to divide by.
    copied = [dim for dim, size in zip(dims, wanted, strict=False) if size == 0]
    newly = -1 in wanted and -1 not in known.sizes
    return None if newly and not all(map(is_positive, copied)) else wanted


def _shorter(value: ir.Value, facts: Facts) -> SizeChain | None:
    """A chain for ``value`` that is clearly shorter than what computes it now."""
    known = facts.value(value)
    if known is None or known.dtype != ir.DataType.INT64 or known.data.ndim > 1:
        return None
    if known.constant is not None or None in known.sizes:
        return None
    own = list(_only_for(value, facts))
    for node in own:
        if node.op_type != "Shape":
            continue
        source = node.inputs[0]
        assert source is not None
        chain = size_chain(source, known.sizes, facts, scalar=known.data.ndim == 0)
        if chain is not None and len(chain) + _CLEARLY <= len(own):
            return chain
    return None


def _only_for(value: ir.Value, facts: Facts) -> Iterator[ir.Node]:
    """The nodes whose results nothing but ``value`` needs, from there back to the Shapes.

    Without those that fold, which are going to be constants anyway.
    """
    seen: Counter[ir.Node] = Counter()
    queue = [value.producer()]
    while queue:
        node = queue.pop()
        if node is None:
            continue
        yield node
        if node.op_type == "Shape":
            continue
        for each in node.inputs:
            maker = None if each is None else each.producer()
            if each is None or maker is None or maker.graph is not node.graph:
                continue
            if _array(each, facts) is not None:
                continue
            seen[maker] += 1
            uses = sum(len(out.uses()) for out in maker.outputs)
            if seen[maker] == uses and not any(out.is_graph_output() for out in maker.outputs):
                queue.append(maker)

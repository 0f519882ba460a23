"""The ``no-op`` pass: nodes that compute what they were given."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import onnx_ir as ir

from graphfix.contract import EQUAL, Contract, Exact
from graphfix.rewrite import Rewrite, RewritePass, Rewriter, Skip
from graphfix.rewrite.subgraphs import subgraphs_of_node
from graphfix.rewrite.uses import is_needed
from graphfix_passes._known import Dim, dims, same_shape
from graphfix_passes._permutations import composed, is_identity, order_of

_Source = ir.Value | Skip | None
"""The value a node only repeats; why that is not sure; ``None`` when it does something."""

_LONGEST = 2**31 - 1
"""No axis is longer; exporters write it, or the largest int64, for "to the end"."""

_TRUE_SINCE = 12
"""The opset from which on the mask of a Dropout that drops nothing is true. ONNX does not say what
it was before; onnxruntime makes it 0."""

_LARGEST_MASK = 16 * 2**20
"""Bytes of a mask that is put into the file: what ``fold-constants`` allows for a tensor."""


@dataclass(frozen=True, kw_only=True)
class NoOp(RewritePass):
    """Eliminate nodes that compute what they were given.

    Why
        Exporters leave them behind, and each costs the device a kernel or a copy. ATC links the
        mask of a Dropout to nothing, and a node between two others keeps them from being fused.

    Rewrites
        1. Identity; Dropout without training; Cast to the type that is there. A mask that is read
           becomes a constant, or an Expand where its shape is open or has above 16 MiB.
        2. Add and Sub of 0, Mul and Div by 1, where the constant widens no dimension.
        3. Concat, Max, Mean, Min and Sum of one input; Split into one output.
        4. Transpose in the order that is there, and two that cancel each other.
        5. Reshape, Flatten and Expand to the shape that is there; Unsqueeze and Squeeze of the
           same axes, in either order; Pad by 0; Slice of everything.

        In front of a graph output the node before takes over the name of the output; where it
        cannot, an Identity stays.

    Leaves alone
        An Identity whose output is a graph output, where its input keeps its own name: it is an
        input, an initializer, another graph output, or has more readers. A Dropout whose mask is
        read before opset 12, or whose training_mode is not the constant false. A Cast of an unknown
        type. A constant that may widen the shape of its other input. Pow by 1, which is used on
        purpose to keep nodes from being fused.

    Numerics
        Adding +0 to floats turns -0 into +0, which is equal to it but the opposite when something
        divides by it. Everything else is exact.
    """

    name = "no-op"
    match_ops = (
        "Add", "Cast", "Concat", "Div", "Dropout", "Expand", "Flatten", "Identity", "Max", "Mean",
        "Min", "Mul", "Pad", "Reshape", "Slice", "Split", "Squeeze", "Sub", "Sum", "Transpose",
        "Unsqueeze",
    )  # fmt: skip
    contract = Exact()
    must_match = False
    reads_shapes = True

    def rewrite(self, node: ir.Node, rw: Rewriter) -> Mapping[ir.Value, ir.Value] | Skip | None:
        """Let the readers of ``node`` read what it repeats."""
        output, mask = node.outputs[0], _mask(node)
        if not is_needed(output) and mask is None:
            return None
        source = _SOURCES.get(node.op_type, _of_one_input)(node, rw)
        if source is None or isinstance(source, Skip):
            return source
        replaced = {output: source}
        if output.is_graph_output():
            maker = _only_made_for(node, source, rw)
            if maker is not None:
                replaced[output] = replaced[source] = rw.restate(maker)[0]
            elif node.op_type == "Identity":
                return rw.skip(
                    f"its output is a graph output, and {source.name!r} keeps its own name"
                )
        if mask is not None:
            replaced[mask] = _all_true(replaced[output], rw.facts.dims(source), rw)
        return replaced

    def conclude(self, rewrites: Sequence[Rewrite], rw: Rewriter) -> Contract:
        """Exact, unless a zero was dropped that makes +0 of -0."""
        return next((r.contract for r in rewrites if r.contract is not None), self.contract)


def _only_made_for(node: ir.Node, source: ir.Value, rw: Rewriter) -> ir.Node | None:
    """The node that makes ``source``, when it may just as well make the output of ``node``."""
    reader, maker = rw.only_reader(source), source.producer()
    if reader is not None and reader is not node:  # the first one of a pair
        reader = rw.only_reader(reader.outputs[0])
    if reader is not node or maker is None or maker.graph is not node.graph:
        return None
    alone = len(maker.outputs) == 1 and not any(subgraphs_of_node(maker))
    return maker if alone else None


def _of_one_input(node: ir.Node, rw: Rewriter) -> _Source:
    return node.inputs[0] if len(node.inputs) == 1 else None


def _split(node: ir.Node, rw: Rewriter) -> _Source:
    return node.inputs[0] if len(node.outputs) == 1 else None


def _dropout(node: ir.Node, rw: Rewriter) -> _Source:
    if rw.opset < 7 and rw.attr_int(node, "is_test", 0) == 0:
        return rw.skip("before opset 7 it trains unless is_test is set")
    if rw.has_input(node, 2) and rw.scalar(node.inputs[2]) not in (0, False):
        return rw.skip("training_mode is not the constant false")
    if rw.opset < _TRUE_SINCE and _mask(node) is not None:
        return rw.skip("its mask is read, and ONNX says what is in it from opset 12 on")
    return node.inputs[0]


def _mask(node: ir.Node) -> ir.Value | None:
    """The mask of a Dropout, where it is read."""
    if node.op_type != "Dropout" or len(node.outputs) < 2 or not is_needed(node.outputs[1]):
        return None
    return node.outputs[1]


def _all_true(data: ir.Value, dims: Sequence[object] | None, rw: Rewriter) -> ir.Value:
    """True in the shape of ``data``, whose dims are these."""
    sizes = [dim for dim in dims or () if isinstance(dim, int)]
    if dims is None or len(sizes) < len(dims):
        return rw.op("Expand", rw.const(True), rw.op("Shape", data))
    if prod(sizes) > _LARGEST_MASK:
        return rw.op("Expand", rw.const(True), rw.const(sizes))
    return rw.const(np.ones(sizes, bool))


def _cast(node: ir.Node, rw: Rewriter) -> _Source:
    source = node.inputs[0]
    if source is None or source.dtype is None:
        return rw.skip("the type of its input is not known")
    return source if source.dtype == rw.attr_int(node, "to", 0) else None


def _neutral(number: int, *ports: int) -> Callable[[ir.Node, Rewriter], _Source]:
    """For operators that do nothing with ``number`` at one of these inputs."""

    def find(node: ir.Node, rw: Rewriter) -> _Source:
        for port in ports:
            array, source = rw.constant(node.inputs[port]), node.inputs[1 - port]
            if array is None or source is None or not _is_all(array, number):
                continue
            if not _keeps_shape(source, array.shape, rw):
                return rw.skip(f"the constant {number} may widen the shape of its other input")
            if number == 0 and array.dtype.kind not in "iub":
                added = array if node.op_type == "Add" else -array
                if not np.signbit(added.astype(np.float64)).all():
                    rw.promise(EQUAL)
            return source
        return None

    return find


def _is_all(array: np.ndarray, number: int) -> bool:
    # One element tells almost always that a large weight is something else.
    return array.size > 0 and array.flat[0] == number and bool((array == number).all())


def _keeps_shape(source: ir.Value, other: Sequence[int], rw: Rewriter) -> bool:
    """Whether broadcasting a constant of shape ``other`` leaves the shape of ``source``."""
    if not other:
        return True
    # Shape inference does not follow sizes through the very nodes that are eliminated here.
    known = rw.facts.dims(source)
    if known is None or len(known) < len(other):
        return False
    matched = zip(reversed(other), reversed(known), strict=False)
    return all(size in (1, dim) for size, dim in matched)


def _transpose(node: ir.Node, rw: Rewriter) -> _Source:
    order, source = order_of(node, rw), node.inputs[0]
    if order is not None and is_identity(order):
        return source
    first = rw.producer(source, "Transpose")
    return first.inputs[0] if first is not None and is_identity(composed(first, node, rw)) else None


def _reshape(node: ir.Node, rw: Rewriter) -> _Source:
    source, known, made = node.inputs[0], _followed(node.inputs[0], rw), dims(node.outputs[0])
    wanted = rw.param_ints(node, "shape", 1) if node.op_type == "Reshape" else None
    copies = wanted is not None and rw.attr_int(node, "allowzero", 0) == 0
    made = made if wanted is None else wanted
    if source is None or known is None or made is None or len(made) != len(known):
        return None
    pairs = zip(made, known, strict=True)
    unsure = [k for k, (new, old) in enumerate(pairs) if not _same_dim(new, old, copies)]
    if not unsure:
        return source
    # The number of elements stays, and with it the one dim that is left, unless another is 0.
    others = [old for k, old in enumerate(known) if k not in unsure]
    positive = all(isinstance(dim, int) and dim > 0 for dim in others)
    inferred = wanted is not None and made[unsure[0]] == -1
    return source if len(unsure) == 1 and (positive or inferred) else None


def _followed(value: ir.Value | None, rw: Rewriter) -> tuple[Dim, ...] | None:
    """The dims of a value, where shape inference comes only after this run, too."""
    known = rw.facts.dims(value)
    if known is None:
        return None
    return tuple(dim if isinstance(dim, int) else str(dim) for dim in known)


def _same_dim(new: Dim, old: Dim, copies: bool) -> bool:
    return (copies and new == 0) or (new is not None and new == old)


def _expand(node: ir.Node, rw: Rewriter) -> _Source:
    source, shape = node.inputs[0], rw.ints(node.inputs[1])
    if source is None:
        return None
    fits = same_shape(source, node.outputs[0]) if shape is None else _keeps_shape(source, shape, rw)
    return source if fits else None


def _squeeze(node: ir.Node, rw: Rewriter) -> _Source:
    other = "Unsqueeze" if node.op_type == "Squeeze" else "Squeeze"
    first = rw.producer(node.inputs[0], other)
    if first is None:
        return None
    known = _followed(node.outputs[0] if node.op_type == "Unsqueeze" else node.inputs[0], rw)
    both = [rw.param_ints(each, "axes", 1) for each in (first, node)]
    if None in both or not all(both):
        return None
    axes = [{axis % len(known) if known else axis for axis in each or ()} for each in both]
    return first.inputs[0] if axes[0] == axes[1] else None


def _pad(node: ir.Node, rw: Rewriter) -> _Source:
    amounts = rw.param_ints(node, "pads", 1)
    return node.inputs[0] if amounts is not None and not any(amounts) else None


def _slice(node: ir.Node, rw: Rewriter) -> _Source:
    starts, ends = rw.param_ints(node, "starts", 1), rw.param_ints(node, "ends", 2)
    axes, steps = rw.param_ints(node, "axes", 3), rw.ints(rw.input(node, 4))
    if starts is None or ends is None or (axes is None and rw.has_input(node, 3)):
        return None
    if any(step != 1 for step in steps or ()) or (steps is None and rw.has_input(node, 4)):
        return None
    known = _followed(node.inputs[0], rw)
    for axis, start, end in zip(axes or range(len(starts)), starts, ends, strict=False):
        size = known[axis] if known is not None and -len(known) <= axis < len(known) else None
        size = size if isinstance(size, int) else _LONGEST
        if end < size or (start != 0 and start > -size):
            return None
    return node.inputs[0]


_SOURCES: Mapping[str, Callable[[ir.Node, Rewriter], _Source]] = {
    "Add": _neutral(0, 0, 1),
    "Cast": _cast,
    "Div": _neutral(1, 1),
    "Dropout": _dropout,
    "Expand": _expand,
    "Flatten": _reshape,
    "Mul": _neutral(1, 0, 1),
    "Pad": _pad,
    "Reshape": _reshape,
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _squeeze,
    "Sub": _neutral(0, 1),
    "Transpose": _transpose,
    "Unsqueeze": _squeeze,
}

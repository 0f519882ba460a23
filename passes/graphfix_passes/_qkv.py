"""A product by constant weights whose columns go separate ways, as queries, keys and values do."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import onnx_ir as ir

from graphfix.rewrite import Rewriter, Skip, constant_tensor
from graphfix.rewrite.symbolic import Number
from graphfix_passes._permutations import is_identity
from graphfix_passes._slices import cuts

Dims = tuple[Number, ...]
_TAKERS = ("Gather", "Slice", "Split")
_MOST_MOVES = 4
"""torch's own attention puts an axis in front, transposes, and takes another axis off."""


@dataclass(frozen=True)
class Product:
    """MatMul or Gemm by constant weights, with the constant that is added behind."""

    node: ir.Node
    weights: ir.Value
    columns: int
    transposed: bool
    """Whether the weights have a row per column of the result."""
    bias: ir.Value | None
    add: ir.Node | None
    """What adds ``bias``, if not the node itself."""

    @property
    def result(self) -> ir.Value:
        """The product with its bias."""
        return (self.add or self.node).outputs[0]

    def of(self, columns: np.ndarray, rw: Rewriter) -> ir.Value:
        """Some columns of the result."""
        weights = self._taken(self.weights, columns, 0 if self.transposed else 1, rw)
        bias = None if self.bias is None else self._taken(self.bias, columns, -1, rw)
        if self.add is None:
            inputs = [self.node.inputs[0], weights, *([bias] if bias is not None else [])]
            return rw.copy(self.node, *inputs)
        return rw.op("Add", rw.copy(self.node, self.node.inputs[0], weights), bias)

    def _taken(self, value: ir.Value, columns: np.ndarray, axis: int, rw: Rewriter) -> ir.Value:
        array = rw.constant(value)
        if array is None or array.ndim == 0 or array.shape[axis] != self.columns:
            return value  # a bias that is the same for each column
        return rw.const(np.ascontiguousarray(array.take(columns, axis)))


def product(node: ir.Node, rw: Rewriter) -> Product | None:
    """What ``node`` multiplies by, and adds."""
    weights = node.inputs[1]
    if weights is None or constant_tensor(weights) is None:
        return None
    shape = rw.facts.dims(weights) or ()
    transposed = node.op_type == "Gemm" and rw.attr_int(node, "transB", 0) != 0
    columns = shape[0 if transposed else 1] if len(shape) == 2 else None
    if not isinstance(columns, int):
        return None
    if node.op_type == "Gemm":
        bias = rw.input(node, 2)
        if bias is not None and constant_tensor(bias) is None:
            return None
        return Product(node, weights, columns, transposed, bias, None)
    add = rw.only_reader(node.outputs[0], "Add")
    bias = None if add is None else next((v for v in add.inputs if constant_tensor(v)), None)
    dims = rw.facts.dims(bias) or ()
    if (
        bias is None
        or any(dim != 1 for dim in dims[:-1])
        or dims[-1:] not in ((), (1,), (columns,))
    ):
        return Product(node, weights, columns, transposed, None, None)
    return Product(node, weights, columns, transposed, bias, add)


@dataclass(frozen=True)
class View:
    """A product, reshaped and transposed or not, where parts are taken of it."""

    value: ir.Value
    lead: Dims
    """The dims in front of those that the columns become."""
    shape: Sequence[int] | None
    """How a Reshape is told ``lead``; ``None`` without a Reshape."""
    tail: tuple[int, ...]
    """The dims that the columns become."""
    order: tuple[int, ...]
    """How all of these are transposed."""

    @property
    def dims(self) -> Dims:
        """The dims of the value."""
        made = (*self.lead, *self.tail)
        return tuple(made[axis] for axis in self.order)


def view(found: Product, rw: Rewriter) -> View | Skip | None:
    """How the product is looked at where it is taken apart."""
    value, given = found.result, rw.facts.dims(found.result)
    if given is None:
        return None
    made, shape = given, None
    reshape = rw.only_reader(value, "Reshape")
    if reshape is not None:
        value = reshape.outputs[0]
        made = rw.facts.dims(value) or ()
    start = len(made)
    while start and _product(made[start:]) != found.columns:
        start -= 1
    tail = tuple(dim for dim in made[start:] if isinstance(dim, int))
    if prod(tail) != found.columns or len(tail) < len(made) - start:
        return None
    if reshape is not None:
        shape = [
            dim if isinstance(dim, int) else 0 if axis < len(given) and dim == given[axis] else -1
            for axis, dim in enumerate(made[:start])
        ]
        if shape.count(-1) > 1:
            return rw.skip("several sizes of the Reshape behind it are open")
    value, order = _moved(value, len(made), rw)
    return View(value, made[:start], shape, tail, order)


def _moved(value: ir.Value, rank: int, rw: Rewriter) -> tuple[ir.Value, tuple[int, ...]]:
    """What Transposes make of ``value``, with dims of 1 that come and go, and the order of axes."""
    axes: list[int | None] = list(range(rank))  # None for a dim that has been inserted
    end, order = value, tuple(range(rank))
    for _ in range(_MOST_MOVES):
        node = rw.only_reader(value, "Squeeze", "Transpose", "Unsqueeze")
        moved = None if node is None else _after(node, axes, rw)
        if node is None or moved is None:
            break
        value, axes = node.outputs[0], moved
        kept = [axis for axis in axes if axis is not None]
        if len(kept) == len(axes):
            end, order = value, tuple(kept)
    return end, order


def _after(node: ir.Node, axes: list[int | None], rw: Rewriter) -> list[int | None] | None:
    """Where the axes are behind ``node``; ``None`` when it drops one, or that is not known."""
    if node.op_type == "Transpose":
        perm = rw.attr_ints(node, "perm") or tuple(reversed(range(len(axes))))
        return [axes[axis] for axis in perm]
    given = rw.param_ints(node, "axes", 1)
    if given is None:
        return None
    if node.op_type == "Squeeze":
        gone = {axis % len(axes) for axis in given}
        new = [axis for place, axis in enumerate(axes) if place not in gone]
        return new if all(axes[place] is None for place in gone) else None
    rest, count = iter(axes), len(axes) + len(given)
    inserted = {axis % count for axis in given}
    return [None if place in inserted else next(rest) for place in range(count)]


def _product(dims: Dims) -> int | None:
    known = [dim for dim in dims if isinstance(dim, int)]
    return prod(known) if len(known) == len(dims) else None


@dataclass(frozen=True)
class Part:
    """What is taken along one axis of a view."""

    value: ir.Value
    axis: int
    start: int
    end: int
    gone: bool
    """Whether the axis has gone."""


def parts(seen: View, rw: Rewriter) -> list[Part] | Skip | None:
    """What is taken of a view, if its only readers take parts along one axis."""
    nodes = dict.fromkeys(use.node for use in seen.value.uses() if use.idx == 0)
    takers = [n for n in nodes if n.op_type in _TAKERS and n.domain in ("", "ai.onnx")]
    if not takers or (len(takers) == 1 and takers[0].op_type != "Split"):
        return None
    if seen.value.is_graph_output() or len(takers) < len(seen.value.uses()):
        return rw.skip("something else reads the product, too")
    maker = seen.value.producer()
    if any(maker is None or node.graph is not maker.graph for node in takers):
        return rw.skip("a part of the product is taken in a branch")
    found: list[Part] = []
    for node in takers:
        taken = _parts(node, seen.dims, rw)
        if isinstance(taken, Skip):
            return taken
        found += [_squeezed(part, rw) for part in taken]
    if len({part.axis for part in found}) > 1:
        return rw.skip("parts are taken along several axes")
    return found


def _parts(node: ir.Node, dims: Dims, rw: Rewriter) -> list[Part] | Skip:
    if node.op_type == "Slice":
        kept = cuts(node, tuple(dim if isinstance(dim, int) else None for dim in dims), rw)
        if isinstance(kept, Skip):
            return kept
        if len(kept) != 1:
            return rw.skip("a Slice takes parts along several axes")
        ((axis, (start, end, step)),) = kept.items()
        size = dims[axis]
        if step != 1 or not isinstance(size, int):
            return rw.skip("a Slice has a step, or the size of its axis is open")
        start, end, _ = slice(start, end).indices(size)
        return [Part(node.outputs[0], axis, start, end, False)]
    axis = rw.attr_int(node, "axis", 0) % len(dims)
    size = dims[axis]
    if not isinstance(size, int):
        return rw.skip("the axis that is taken apart is open")
    if node.op_type == "Gather":
        index = rw.constant(node.inputs[1])
        if index is None or index.size != 1 or index.ndim > 1 or not -size <= index.item() < size:
            return rw.skip("a Gather takes several elements, or computed ones")
        start = int(index.item()) % size
        return [Part(node.outputs[0], axis, start, start + 1, index.ndim == 0)]
    sizes = rw.param_ints(node, "split", 1)
    if sizes is None and rw.has_input(node, 1):
        return rw.skip("the sizes of a Split are computed")
    chunk = -(-size // len(node.outputs))
    ends = np.cumsum(sizes or [chunk] * len(node.outputs)).clip(max=size)
    starts = [0, *ends[:-1]]
    return [
        Part(value, axis, int(start), int(end), False)
        for value, start, end in zip(node.outputs, starts, ends, strict=True)
        if value.uses() or value.is_graph_output()
    ]


def _squeezed(part: Part, rw: Rewriter) -> Part:
    """The part without its axis of one element, if a Squeeze of that is its only reader."""
    squeeze = rw.only_reader(part.value, "Squeeze")
    rank = rw.rank(part.value)
    axes = None if squeeze is None else rw.param_ints(squeeze, "axes", 1)
    if squeeze is None or axes is None or part.end - part.start != 1 or part.gone:
        return part
    if axes != (part.axis,) and (rank is None or axes != (part.axis - rank,)):
        return part
    return Part(squeeze.outputs[0], part.axis, part.start, part.end, True)


def build(found: Product, seen: View, part: Part, rw: Rewriter) -> ir.Value:
    """What ``part`` is, from the columns of the weights that it needs."""
    old = seen.order[part.axis]
    axis = old - len(seen.lead)
    numbers = np.arange(found.columns).reshape(seen.tail)
    value = found.of(numbers.take(range(part.start, part.end), axis).reshape(-1), rw)
    tail, order = [*seen.tail], seen.order
    tail[axis] = part.end - part.start
    if part.gone:
        del tail[axis]
        order = tuple(each - (each > old) for each in order if each != old)
    if seen.shape is not None:
        value = rw.op("Reshape", value, rw.const([*seen.shape, *tail]))
    return value if is_identity(order) else rw.op("Transpose", value, perm=order)

"""Repairs of what an export has frozen: sizes that were numbers then and may change now."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod

import numpy as np
import onnx_ir as ir

from graphfix.folding import Tensors, compute
from graphfix.rewrite import Rewriter, constant_array, node_label
from graphfix.rewrite.marks import draws
from graphfix.rewrite.subgraphs import subgraphs_of_node
from graphfix.rewrite.symbolic import Number, Poly, Size, floor_division, names, quotient
from graphfix.rewrite.symbolic.shapes import BROADCASTING
from graphfix_passes._regroup import regroup
from graphfix_passes._resize import read, with_scales, with_sizes
from graphfix_passes._size_chain import size_chain

_END = np.iinfo(np.int64).max
"""ONNX: an end of a Slice that means all the rest."""

_MOVING = ("Expand", "Identity", "Reshape", "Slice", "Squeeze", "Tile", "Transpose", "Unsqueeze")
"""Operators that make no numbers that were not there."""
_MOST_NUMBERS = 1 << 22
"""What is computed to see whether its rows repeat is no longer."""

Repaired = Mapping[ir.Value, ir.Value]


class Stuck(Exception):
    """A size that is frozen and cannot be thawed."""


@dataclass(frozen=True)
class Thaw:
    """Repairs nodes one by one, in the order of the graph."""

    rw: Rewriter
    before: Mapping[str, tuple[Size, ...] | None]
    """The dims of all values at export, by name: what is replaced keeps its name."""
    freed: frozenset[str]
    """The names of the sizes that may change now."""
    original: Callable[[Number], int]
    """What a size was at export; sizes that were symbols then are numbers that nothing else is."""
    order: Callable[[str], int]
    """Where the dim with a name stands in the inputs."""

    def repair(self, node: ir.Node) -> Repaired | None:
        """What takes the place of ``node``; ``None`` when nothing in it is frozen.

        Raises:
            Stuck: it is frozen for good; the message says why.
        """
        if node.domain not in ("", "ai.onnx"):
            return None
        rule = _RULES.get(node.op_type)
        return None if rule is None else rule(self, node)

    def dims(self, value: ir.Value | None) -> tuple[Size, ...] | None:
        """The dims as they are now."""
        return self.rw.facts.dims(value)

    def was(self, value: ir.Value | None) -> tuple[Size, ...] | None:
        """The dims at export."""
        return None if value is None else self.before.get(value.name or "")

    def changes(self, dims: Iterable[Size]) -> bool:
        """Whether any of the dims depends on a size that is free now."""
        return any(isinstance(dim, Poly) and names(dim) & self.freed for dim in dims)

    def constants(self, value: ir.Value | None) -> list[int] | None:
        """The numbers of a small constant."""
        known = self.rw.facts.value(value)
        array = None if known is None else known.constant
        return None if array is None else [int(item) for item in array.flat]

    def vector(self, sizes: Sequence[Size], near: Iterable[ir.Value | None]) -> ir.Value:
        """A tensor that holds the sizes when the model runs, computed from one that has them.

        ``near`` are tensors to ask before the inputs of the model.
        """
        if all(isinstance(size, int) for size in sizes):
            return self.rw.const(np.array(sizes, np.int64))
        for source in (*filter(None, near), *self.rw.model.graph.inputs):
            chain = size_chain(source, sizes, self.rw.facts)
            if chain is not None:
                return chain.build(self.rw)
        text = ", ".join(map(str, sizes))
        raise Stuck(f"[{text}] cannot be computed from the sizes of one tensor")

    def fitted(
        self, node: ir.Node, value: ir.Value, wanted: Mapping[int, Size], *, stretch: bool
    ) -> ir.Value:
        """``value``, an input of ``node`` that has numbers along these axes, with these sizes.

        Without ``stretch`` a 1 will do, because the reader stretches it.
        """
        dims = self.dims(value)
        assert dims is not None
        shape: list[Size] = [1] * len(dims)
        for axis, size in wanted.items():
            row = value if dims[axis] == 1 else self._row(value, axis)
            if row is not None:
                value, shape[axis] = row, size
                continue
            repeated = self._repeated(node, value, axis, size)
            value = self._cut(node, value, axis, size) if repeated is None else repeated
        if stretch and any(size != 1 for size in shape):
            return self.rw.op("Expand", value, self.vector(shape, node.inputs))
        return value

    def _cut(self, node: ir.Node, value: ir.Value, axis: int, size: Size) -> ir.Value:
        """The first rows of a table."""
        rows = (self.dims(value) or ())[axis]
        if self.original(size) != rows:
            raise Stuck(f"{value.name} has {rows} along axis {axis}, where {size} is needed")
        if not _is_name(size) or self._makers(value) is None or self.rw.opset < 10:
            raise Stuck(f"{value.name} is made for {rows} along axis {axis}, not for {size}")
        self.rw.note(f"only up to {rows}, as {value.name} is no longer")
        start, along = (self.rw.const([k]) for k in (0, axis))
        return self.rw.op("Slice", value, start, self.vector([size], node.inputs), along)

    def other_meaning(self, number: int, size: Size, axis: int) -> str:
        """A dim of an input that was ``number`` as well, at the same place; empty when none."""
        for value in self.rw.model.graph.inputs:
            dims = self.dims(value) or ()
            if axis >= len(dims) or not self.changes([dims[axis]]):
                continue
            if self.original(dims[axis]) == number and dims[axis] != size:
                return f"{dims[axis]} as in {value.name}"
        return ""

    def _row(self, value: ir.Value, axis: int) -> ir.Value | None:
        """One row of a tensor that has equal rows along ``axis``."""
        rw, node = self.rw, value.producer()
        array = constant_array(value)
        if array is not None:
            row = array.take([0], axis)
            return rw.const(row) if (array == row).all() else None
        if node is None or node.domain not in ("", "ai.onnx"):
            return None
        index = {"ConstantOfShape": 0, "Expand": 1}.get(node.op_type)
        shape = None if index is None else self.constants(node.inputs[index])
        if shape is None:
            return None
        rank = len(self.dims(value) or ())
        shape = [1] * (rank - len(shape)) + shape
        shape[axis] = 1
        if node.op_type == "ConstantOfShape":
            return rw.copy(node, rw.const(shape))
        own = self.dims(node.inputs[0])
        if own is None or (axis >= rank - len(own) and own[axis - rank + len(own)] != 1):
            return None
        return rw.op("Expand", node.inputs[0], rw.const(shape))

    def _repeated(self, node: ir.Node, value: ir.Value, axis: int, size: Size) -> ir.Value | None:
        """The rows of one unit of a size such as ``2*batch``, as often as there are units."""
        factors = list(size.terms.values()) if isinstance(size, Poly) else []
        units = quotient(size, factors[0]) if len(factors) == 1 else None
        dims = self.dims(value) or ()
        if not isinstance(units, Poly) or self.original(size) != dims[axis]:
            return None
        array = self._numbers(value)
        if array is None:
            return None
        count = int(factors[0])
        rows = array.reshape(*array.shape[:axis], -1, count, *array.shape[axis + 1 :])
        if not (rows == rows.take([0], axis)).all():
            return None
        columns = array.reshape(*array.shape[:axis], count, -1, *array.shape[axis + 1 :])
        if (columns == columns.take([0], axis)).all():
            raise Stuck(
                f"the rows of {value.name} may belong to {units}, or repeat for each; export with "
                f"another size than {self.original(units)}"
            )
        repeats: list[Size] = [1] * array.ndim
        repeats[axis] = floor_division(units, 1)
        block = self.rw.const(array.take(range(count), axis))
        self.rw.note(f"{count} row{'s' * (count > 1)} of {value.name} for each {units}")
        return self.rw.op("Tile", block, self.vector(repeats, node.inputs))

    def _numbers(self, value: ir.Value) -> np.ndarray | None:
        """What ``value`` always is, computed if no input of the model decides about it."""
        array = constant_array(value)
        dims = [dim for dim in self.dims(value) or () if isinstance(dim, int)]
        if array is not None or prod(dims) > _MOST_NUMBERS:
            return array
        tensors: Tensors = {}
        compute(self._makers(value) or [], tensors, self.rw.model.graph.opset_imports)
        return tensors[value].numpy() if value in tensors else None

    def _makers(self, value: ir.Value) -> list[ir.Node] | None:
        """The nodes that ``value`` needs, in order; ``None`` when an input of the model counts."""
        found: dict[ir.Node, None] = {}
        stack, opened = [value], set[ir.Value]()
        while stack:
            each = stack[-1]
            node = each.producer()
            if node is None and (not each.is_initializer() or each.is_graph_input()):
                return None
            if node is None or node in found or each in opened:
                if node is not None:
                    found.setdefault(node)
                stack.pop()
                continue
            if any(subgraphs_of_node(node)) or draws(node):
                return None
            opened.add(each)
            stack.extend(item for item in node.inputs if item is not None)
        return list(found)


def _is_name(size: Size) -> bool:
    """Whether a size is that of a dim of an input, as it is."""
    return isinstance(size, Poly) and names(size) == {str(size)}


def _reshape(thaw: Thaw, node: ir.Node) -> Repaired | None:
    data, wanted = node.inputs[0], thaw.constants(node.inputs[1]) if len(node.inputs) > 1 else None
    dims, exported = thaw.dims(data), thaw.was(node.outputs[0])
    if dims is None or wanted is None or exported is None or not thaw.changes(dims):
        return None
    sizes = regroup(dims, [thaw.original(k) for k in exported], thaw.original, thaw.order)
    if isinstance(sizes, str):
        raise Stuck(sizes)
    numbers = [thaw.original(size) for size in exported]
    for k, size in enumerate(exported):  # what was a symbol before stays that one
        if isinstance(size, Poly) and sizes[k] == numbers[k]:
            sizes[k] = size
    if tuple(sizes) == thaw.dims(node.outputs[0]):
        return None
    shape: list[Size] = [
        0 if isinstance(size, Poly) and k < len(dims) and dims[k] == size else size
        for k, size in enumerate(sizes)
    ]
    if sum(isinstance(size, Poly) for size in shape) == 1:
        shape = [-1 if isinstance(size, Poly) else size for size in shape]
    elif any(isinstance(size, Poly) for size in shape):
        shape = list(sizes)
    result = thaw.rw.op("Reshape", data, thaw.vector(shape, [data]))
    thaw.rw.note(f"sizes {wanted} are [{', '.join(map(str, sizes))}]")
    return {node.outputs[0]: result}


def _expand(thaw: Thaw, node: ir.Node) -> Repaired | None:
    data, wanted = node.inputs[0], thaw.constants(node.inputs[1])
    dims = thaw.dims(data)
    if dims is None or wanted is None or not thaw.changes(dims):
        return None
    shift = len(wanted) - len(dims)
    own: list[Size] = [*[1] * shift, *dims[max(-shift, 0) :]]
    shape = []
    for size, dim in zip(wanted, own, strict=True):
        frozen = size != 1 and thaw.changes([dim])
        if frozen and thaw.original(dim) != size:
            raise Stuck(f"it expands {dim} to {size}")
        shape.append(1 if frozen else size)
    if shape == wanted:
        return None
    thaw.rw.note(f"sizes {wanted} are those of the input")
    return {node.outputs[0]: thaw.rw.op("Expand", data, thaw.rw.const(shape))}


def _broadcast(thaw: Thaw, node: ir.Node) -> Repaired | None:
    return _stretching(thaw, node, behind=0)


def _stretching(thaw: Thaw, node: ir.Node, behind: int) -> Repaired | None:
    """Inputs that are stretched to one shape, but for their last axes."""
    inputs = [value for value in node.inputs if value is not None]
    shapes = [thaw.dims(value) for value in inputs]
    known = [dims for dims in shapes if dims is not None]
    if not any(thaw.changes(dims) for dims in known):
        return None
    rank = max(map(len, known))
    free = {
        axis: size
        for axis in range(-rank, -behind)
        for dims in known
        if -axis <= len(dims) and thaw.changes([size := dims[axis]])
    }
    fitted = []
    for value, dims in zip(inputs, shapes, strict=True):
        frozen = (
            {
                len(dims) + axis: size
                for axis, size in free.items()
                if dims and -axis <= len(dims) and isinstance(dims[axis], int) and dims[axis] != 1
            }
            if dims
            else {}
        )
        fitted.append(thaw.fitted(node, value, frozen, stretch=False) if frozen else value)
    return {node.outputs[0]: thaw.rw.copy(node, *fitted)} if fitted != inputs else None


def _concat(thaw: Thaw, node: ir.Node) -> Repaired | None:
    inputs = [value for value in node.inputs if value is not None]
    shapes = [thaw.dims(value) or () for value in inputs]
    rank = len(shapes[0])
    if not rank or any(len(dims) != rank for dims in shapes):
        return None
    along = thaw.rw.attr_int(node, "axis", 1) % rank
    free = {
        axis: size
        for axis in set(range(rank)) - {along}
        for dims in shapes
        if thaw.changes([size := dims[axis]])
    }
    fitted = []
    for value, dims in zip(inputs, shapes, strict=True):
        frozen = {axis: size for axis, size in free.items() if isinstance(dims[axis], int)}
        fitted.append(thaw.fitted(node, value, frozen, stretch=True) if frozen else value)
    return {node.outputs[0]: thaw.rw.copy(node, *fitted)} if fitted != inputs else None


def _recurrent(thaw: Thaw, node: ir.Node) -> Repaired | None:
    """States of zeros are what an operator starts from when it gets none."""
    dims = thaw.dims(node.inputs[0])
    if dims is None or not thaw.changes(dims):
        return None
    inputs = list(node.inputs)
    if len(inputs) > 4 and inputs[4] is not None and thaw.constants(inputs[4]) is not None:
        if set(thaw.constants(inputs[4]) or ()) != {thaw.original(dims[0])}:
            raise Stuck("its sequence lengths are constants")
        inputs[4] = None
    for port in (5, 6):
        state = inputs[port] if port < len(inputs) else None
        shape = thaw.dims(state)
        if state is None or shape is None or thaw.changes(shape):
            continue
        if _is_zero(thaw, state):
            inputs[port] = None
        elif thaw.changes([dims[1]]):
            inputs[port] = thaw.fitted(node, state, {1: dims[1]}, stretch=True)
    if inputs == list(node.inputs):
        return None
    new = thaw.rw.ops(
        node.op_type, *inputs, outputs=len(node.outputs), domain="", **dict(node.attributes)
    )
    return dict(zip(node.outputs, new, strict=True))


def _is_zero(thaw: Thaw, value: ir.Value | None) -> bool:
    array = constant_array(value)
    if array is None:
        known = thaw.rw.facts.value(value)
        array = None if known is None else known.constant
    if array is not None:
        return not array.any()
    node = None if value is None else value.producer()
    if node is None or node.domain not in ("", "ai.onnx"):
        return False
    if node.op_type in _MOVING:  # states that are expanded to a batch, which is computed or not
        return _is_zero(thaw, node.inputs[0])
    if node.op_type != "ConstantOfShape":
        return False
    fill = node.attributes.get("value")
    return fill is None or not fill.as_tensor().numpy().any()


def _slice(thaw: Thaw, node: ir.Node) -> Repaired | None:
    """An end that was the length of the axis is the end."""
    data = node.inputs[0]
    dims, was = thaw.dims(data), thaw.was(data)
    by_input = len(node.inputs) > 2
    ends = thaw.constants(node.inputs[2]) if by_input else thaw.rw.attr_ints(node, "ends")
    if data is None or dims is None or was is None or ends is None or not thaw.changes(dims):
        return None
    axes = thaw.rw.param_ints(node, "axes", 3) or range(len(ends))
    open_ends = [
        _END if thaw.changes([dims[axis]]) and end == was[axis] else end
        for axis, end in zip(axes, ends, strict=True)
    ]
    if open_ends == list(ends):
        return None
    if not by_input:
        return {node.outputs[0]: thaw.rw.copy(node, data, ends=open_ends)}
    inputs = [*node.inputs[:2], thaw.rw.const(open_ends), *node.inputs[3:]]
    return {node.outputs[0]: thaw.rw.copy(node, *inputs)}


def _resize(thaw: Thaw, node: ir.Node) -> Repaired | None:
    """Sizes become scales; coordinates are the same, as the runtime divides one by the other."""
    resizing = read(node, thaw.rw)
    sizes = thaw.constants(resizing.sizes)
    dims = resizing.dims(thaw.rw)
    if sizes is None or dims is None or not thaw.changes(dims):
        return None
    if resizing.policy != "stretch":
        raise Stuck("its sizes are a frame to fit in (keep_aspect_ratio_policy)")
    exact = [Fraction(s, thaw.original(dim)) for s, dim in zip(sizes, dims, strict=True)]
    for axis, (dim, factor) in enumerate(zip(dims, exact, strict=True)):
        if not thaw.changes([dim]):
            continue
        if 1 not in factor.as_integer_ratio():
            raise Stuck(f"its sizes {sizes} are no whole multiple, or part, of those of its input")
        place = axis if resizing.axes is None else resizing.axes[axis]
        other = thaw.other_meaning(sizes[axis], floor_division(factor * dim, 1), place)
        if other:
            raise Stuck(
                f"its size {sizes[axis]} may mean {factor} times {dim}, or {other}; a name such as "
                "'32*h' in shape= can make both the same"
            )
    scales = np.array([float(x) for x in exact], np.float32)
    if all(Fraction(float(scale)) >= x for x, scale in zip(exact, scales, strict=True)):
        thaw.rw.note(f"sizes {sizes} are scales {scales.tolist()}")
        return {node.outputs[0]: with_scales(resizing, scales, thaw.rw)}
    now = [dim if thaw.changes([dim]) else s for s, dim in zip(sizes, dims, strict=True)]
    if any(thaw.changes([dim]) and x != 1 for dim, x in zip(dims, exact, strict=True)):
        raise Stuck(f"its sizes {sizes} are neither scales nor sizes of its input")
    thaw.rw.note(f"sizes {sizes} are [{', '.join(map(str, now))}]")
    return {node.outputs[0]: with_sizes(resizing, thaw.vector(now, [resizing.data]), thaw.rw)}


def _matmul(thaw: Thaw, node: ir.Node) -> Repaired | None:
    left, right = (thaw.dims(value) for value in node.inputs[:2])
    if not left or not right:
        return None
    turned = thaw.rw.attr_int(node, "transA", 0), thaw.rw.attr_int(node, "transB", 0)
    inner = left[-2 if turned[0] else -1], right[-1 if turned[1] or len(right) < 2 else -2]
    fixed = [dim for dim in inner if isinstance(dim, int)]
    free = [dim for dim in inner if thaw.changes([dim])]
    if fixed and free:
        raise Stuck(f"it multiplies {free[0]} by weights for {fixed[0]}")
    return _stretching(thaw, node, behind=2)


_RULES: Mapping[str, Callable[[Thaw, ir.Node], Repaired | None]] = {
    **dict.fromkeys(BROADCASTING, _broadcast),
    **dict.fromkeys(("GRU", "LSTM", "RNN"), _recurrent),
    "Concat": _concat,
    "Expand": _expand,
    "Gemm": _matmul,
    "MatMul": _matmul,
    "Reshape": _reshape,
    "Resize": _resize,
    "Slice": _slice,
}


def stuck_message(node: ir.Node, why: Stuck) -> str:
    """Which node is frozen, and why."""
    return f"{node.op_type} {node_label(node)!r}: {why}"

"""What is known of the values of one model: their dims, and the numbers in small tensors."""

from collections.abc import Iterator
from math import prod
from typing import cast

import onnx_ir as ir

from graphfix.rewrite.constants import constant_tensor
from graphfix.rewrite.symbolic import numbers, shapes, vector
from graphfix.rewrite.symbolic.shapes import Dims, Shaped
from graphfix.rewrite.symbolic.size import (
    Size,
    Undecided,
    names,
    parse_size,
    symbol,
    total,
)
from graphfix.rewrite.symbolic.vector import Maybe

_STANDARD = ("", "ai.onnx")
_MOST = vector.MOST_ELEMENTS
_MOST_UNKNOWN = 16
"""The longest tensor that is followed although some of its elements are not known."""

_FOLLOWED = frozenset({*numbers.OPERATORS, "Constant", "Shape", "Size"})
"""The operators whose results may be known."""

_Query = tuple[bool, ir.Value]
"""Whether the numbers are asked for (else the dims), and of what."""


class Facts:
    """Answers about values, computed when asked and remembered.

    Dims of inputs are taken to be positive. What an answer says holds for every run that the model
    allows. The name of a dim means the same size on all inputs of a model and on the values in its
    main graph, except on its outputs, whose dims people name by hand.
    """

    def __init__(self, model: ir.Model) -> None:
        self._graph = model.graph
        self._values: dict[ir.Value, Maybe] = {}
        self._dims: dict[ir.Value, Dims | None] = {}
        self._counts: dict[int, tuple[ir.Shape, int]] = {}
        """By the ids of shapes, which live as long."""
        self._taken: dict[str, int] = {}
        self._positive: set[str] = set()
        """The names in dims that the caller chooses; others may turn out empty."""
        for given in model.graph.inputs:
            for dim in given.shape or ():
                if isinstance(dim, ir.SymbolicDim) and dim.value is not None:
                    self._positive |= names(parse_size(dim.value))

    def value(self, value: ir.Value | None) -> Maybe:
        """The elements of a small tensor; ``None`` when it is large or nothing is known."""
        if value is None:
            return None
        known = self._values
        if value not in known:
            if self._is_hopeless(value):
                known[value] = None
            else:
                self._solve((True, value))
        return known[value]

    def _is_hopeless(self, value: ir.Value) -> bool:
        """Whether it shows at once that nothing is known of the elements, as of most activations.

        Each operator needs the elements of all its inputs.
        """
        node, count, known = value.producer(), self._count(value), self._values
        if node is None or count <= _MOST_UNKNOWN:
            return False
        if count > _MOST or node.op_type not in _FOLLOWED:
            return True
        for each in node.inputs:
            if each is None:
                continue
            if known[each] is None if each in known else self._is_data(each):
                return True
        return False

    def _is_data(self, value: ir.Value) -> bool:
        """Whether ``value`` is made by something whose numbers are not followed, and is long."""
        node = value.producer()
        if node is None or node.op_type in _FOLLOWED:
            return False
        return self._count(value) > _MOST_UNKNOWN

    def _count(self, value: ir.Value) -> int:
        """The number of elements if all dims are declared as numbers; else -1."""
        shape = value.shape
        found = self._counts.get(id(shape))
        if found is not None:
            return found[1]
        dims = _declared(value)
        count = -1 if dims is None else prod(dims)
        if shape is not None and shape.frozen:  # one for many values, and it stays as it is
            self._counts[id(shape)] = shape, count
        return count

    def dims(self, value: ir.Value | None) -> Dims | None:
        """The dims of a tensor, ``None`` when not even its rank is known.

        A dim about which nothing is known is a symbol of its own.
        """
        if value is None:
            return None
        if value not in self._dims:
            self._solve((False, value))
        return self._dims[value]

    def _solve(self, query: _Query) -> None:
        """Answer a question after those it depends on, without recursion."""
        stack, opened = [query], set()
        while stack:
            elements, value = asked = stack[-1]
            if value not in (self._values if elements else self._dims):
                if asked not in opened:
                    opened.add(asked)
                    missing = [
                        each
                        for each in self._needed(elements, value)
                        if each[1] not in (self._values if each[0] else self._dims)
                    ]
                    if missing:
                        stack += missing
                        continue
                if elements:
                    self._find_values(value)
                else:
                    self._dims[value] = self._find_dims(value)
            stack.pop()

    def _needed(self, elements: bool, value: ir.Value) -> Iterator[_Query]:
        if elements and _trusted(value) is None:
            yield False, value
        node = value.producer()
        if node is None or node.domain not in _STANDARD:
            return
        inputs = [each for each in node.inputs if each is not None]
        if elements:
            if node.op_type in ("Shape", "Size"):
                yield False, inputs[0]
            elif node.op_type in numbers.OPERATORS and self._count(value) <= _MOST:
                yield from ((True, each) for each in inputs)
        elif node.op_type in shapes.OPERATORS and _trusted(value) is None:
            yield from ((False, each) for each in inputs)
            for port in shapes.VALUE_PORTS.get(node.op_type, ()):
                if port < len(node.inputs) and (each := node.inputs[port]) is not None:
                    yield True, each

    def _find_values(self, value: ir.Value) -> None:
        node = value.producer()
        found: numbers.Given | None = None
        try:
            found = self._computed(value, node)
        except Undecided:
            found = None
        outputs = (value,) if node is None else node.outputs
        for index, output in enumerate(outputs):
            answer = found[index] if found is not None and index < len(found) else None
            self._values[output] = answer or self._nothing_known(output)

    def _computed(self, value: ir.Value, node: ir.Node | None) -> numbers.Given | None:
        tensor = _constant(value)
        if tensor is not None:
            small = tensor.size <= vector.MOST_ELEMENTS and tensor.dtype != ir.DataType.STRING
            return (vector.from_array(tensor.numpy(), tensor.dtype),) if small else None
        if node is None or node.domain not in _STANDARD:
            return None
        if node.op_type == "Shape":
            return (self._shape(node),)
        if node.op_type == "Size":
            return (self._size(node),)
        if node.op_type not in numbers.OPERATORS or self._count(value) > _MOST:
            return None
        inputs = [None if each is None else self._values.get(each) for each in node.inputs]
        return numbers.apply(node, inputs)

    def _shape(self, node: ir.Node) -> Maybe:
        dims = self._dims[_first(node)]
        if dims is None:
            return None
        if not node.attributes.data:
            return vector.known(dims)
        ends = [node.attributes.get(name) for name in ("start", "end")]
        if any(end is not None and end.is_ref() for end in ends):
            return None
        start, end = (None if end is None else end.as_int() for end in ends)
        return vector.known(dims[start:end])

    def _size(self, node: ir.Node) -> Maybe:
        dims = self._dims[_first(node)]
        if dims is None:
            return None
        return vector.known([total(dims)], shape=())

    def _nothing_known(self, value: ir.Value) -> Maybe:
        """A tensor of the right length, so that what it is joined with is not lost."""
        dims = _trusted(value)
        if dims is None:
            dims = self._dims.get(value)
        if dims is None or value.dtype not in vector.FOLLOWED:
            return None
        fixed = tuple(dim for dim in dims if isinstance(dim, int))
        if len(fixed) < len(dims) or prod(fixed) > _MOST_UNKNOWN:
            return None
        return vector.known([None] * prod(fixed), value.dtype, fixed)

    def _find_dims(self, value: ir.Value) -> Dims | None:
        node = value.producer()
        tensor = _constant(value)
        if tensor is not None:
            return tuple(int(dim) for dim in tensor.shape.numpy())
        trusted = _trusted(value)
        if trusted is not None:
            return trusted
        found: tuple[Size | None, ...] | None = None
        if node is not None and node.domain in _STANDARD:
            found = self._derived(node, value.index() or 0)
        return self._merged(value, found)

    def _derived(self, node: ir.Node, output: int) -> tuple[Size | None, ...] | None:
        if node.op_type not in shapes.OPERATORS:
            return None
        try:
            return shapes.apply(Shaped(node, output, self._dims.get, self._values.get))
        except Undecided:
            return None

    def _merged(self, value: ir.Value, found: tuple[Size | None, ...] | None) -> Dims | None:
        """What is declared as a number, else what is derived, else what is declared as a name."""
        shape = value.shape
        if shape is None or (found is not None and len(found) != len(shape)):
            shape = None if found is None else ir.Shape([None] * len(found))
        if shape is None:
            return None
        dims: list[Size] = []
        for axis, dim in enumerate(shape):
            derived = None if found is None else found[axis]
            if derived is not None and (_is_named_by_hand(value) or not isinstance(dim, int)):
                dims.append(derived)
            elif isinstance(dim, int):
                dims.append(dim)
            else:
                dims.append(self._symbol(value, axis, dim.value))
        return tuple(dims)

    def _symbol(self, value: ir.Value, axis: int, name: str | None) -> Size:
        node = value.producer()
        graph = value.graph if node is None else node.graph
        if name is not None and graph is self._graph and not _is_named_by_hand(value):
            return parse_size(name, self._positive)
        stem = f"{value.name}.{axis}"
        number = self._taken[stem] = self._taken.get(stem, -1) + 1
        is_input = node is None and graph is self._graph
        return symbol(f"{stem}#{number}" if number else stem, int(is_input))


def _constant(value: ir.Value) -> ir.TensorProtocol | None:
    """The tensor of an initializer or a Constant; an Identity is followed like other operators."""
    node = value.producer()
    return constant_tensor(value) if node is None or node.op_type == "Constant" else None


def _is_named_by_hand(value: ir.Value) -> bool:
    """Whether a person has written down the shape, which may be a wish: it is a computed output."""
    return value.is_graph_output() and value.producer() is not None


def _trusted(value: ir.Value) -> Dims | None:
    """The dims if all are declared as numbers, and not by hand."""
    return None if _is_named_by_hand(value) else _declared(value)


def _first(node: ir.Node) -> ir.Value:
    (value,) = node.inputs
    assert value is not None, "Shape and Size have one input, which is not optional"
    return value


def _declared(value: ir.Value) -> tuple[int, ...] | None:
    """The dims if all are declared as numbers."""
    shape = value.shape
    if shape is None:
        return None
    dims = shape.dims
    for dim in dims:
        if not isinstance(dim, int):
            return None
    return cast(tuple[int, ...], dims)  # the loop has seen to it

"""The dims of what operators make, as expressions over the dims of what they read."""

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from functools import reduce
from typing import Any

import onnx_ir as ir

from graphfix.rewrite.symbolic.size import (
    Number,
    Size,
    Undecided,
    compare,
    floor_division,
    is_whole,
    quotient,
    total,
)
from graphfix.rewrite.symbolic.vector import Maybe, held

Dims = tuple[Size, ...]
Found = Sequence[Number | None]
"""Dims of which some are not known."""

_REDUCTIONS = ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare")

VALUE_PORTS: Mapping[str, tuple[int, ...]] = {
    **{f"Reduce{kind}": (1,) for kind in _REDUCTIONS},
    "ConstantOfShape": (0,),
    "Expand": (1,),
    "OneHot": (1,),
    "Pad": (1,),
    "Range": (0, 1, 2),
    "Reshape": (1,),
    "Resize": (2, 3),
    "Slice": (1, 2, 3, 4),
    "Split": (1,),
    "Squeeze": (1,),
    "Tile": (1,),
    "Unsqueeze": (1,),
    "Upsample": (1,),
}
"""The inputs whose numbers decide about the dims of the output."""


class Shaped:
    """A node with the dims of its inputs and the numbers of those in :data:`VALUE_PORTS`."""

    def __init__(
        self,
        node: ir.Node,
        output: int,
        dims: Callable[[ir.Value], Dims | None],
        value: Callable[[ir.Value], Maybe],
    ) -> None:
        self.node = node
        self.output = output
        self._dims = dims
        self._value = value

    def __getitem__(self, index: int) -> Dims:
        value = self.input(index)
        found = None if value is None else self._dims(value)
        if found is None:
            raise Undecided(f"the dims of input {index} are not known")
        return found

    def input(self, index: int) -> ir.Value | None:
        """One input; ``None`` when it is absent."""
        return self.node.inputs[index] if index < len(self.node.inputs) else None

    def sizes(self, index: int) -> tuple[Any, ...]:
        """The elements of a small input, ``None`` for those that are not known."""
        value = self.input(index)
        found = None if value is None else self._value(value)
        if found is None:
            raise Undecided(f"input {index} is not known")
        return found.sizes

    def integer(self, name: str, default: int) -> int:
        """An integer attribute, or its default."""
        attribute = self._attribute(name)
        return default if attribute is None else attribute.as_int()

    def text(self, name: str, default: str) -> str:
        """A string attribute, or its default."""
        attribute = self._attribute(name)
        return default if attribute is None else attribute.as_string()

    def integers(self, name: str, index: int | None = None) -> tuple[int, ...] | None:
        """Integers given by an attribute or, in newer opsets, by input ``index``."""
        attribute = self._attribute(name)
        if attribute is not None:
            return tuple(attribute.as_ints())
        if index is None or self.input(index) is None:
            return None
        found = self.sizes(index)
        if not all(isinstance(item, int) for item in found):
            raise Undecided(f"{name} depends on the sizes")
        return found

    def _attribute(self, name: str) -> ir.Attr | None:
        attribute = self.node.attributes.get(name)
        if attribute is not None and attribute.is_ref():
            raise Undecided(f"attribute {name!r} is a parameter of a function")
        return attribute


def apply(call: Shaped) -> tuple[Size | None, ...]:
    """The dims of one output of a node, one of :data:`OPERATORS`; ``None`` where unknown.

    Raises:
        Undecided: not even the rank is known.
    """
    if call.output and call.node.op_type not in _SEVERAL:
        raise Undecided("only the first output is followed")
    try:
        found = OPERATORS[call.node.op_type](call)
    except (ValueError, IndexError, TypeError, ZeroDivisionError) as error:
        raise Undecided(str(error)) from error
    return tuple(
        None if dim is None or isinstance(dim, Fraction) or not is_whole(dim) else dim
        for dim in found
    )


def _each(function: Callable[..., Number | None], *arguments: Iterable[Any]) -> list[Number | None]:
    """``function`` for every axis; ``None`` where it is undecided."""
    found: list[Number | None] = []
    for axis in zip(*arguments, strict=True):
        try:
            found.append(function(*axis))
        except (Undecided, TypeError):
            found.append(None)
    return found


def _same(call: Shaped) -> Found:
    return call[0]


def _broadcast(call: Shaped) -> Found:
    shapes = [call[index] for index in range(len(call.node.inputs))]
    rank = max(map(len, shapes))
    padded = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    return _each(lambda *dims: _common(dims), *padded)


def _common(dims: Sequence[Size]) -> Size:
    """The dim that others are stretched to: a number above 1, or the only one that is not 1."""
    others = {dim for dim in dims if dim != 1}
    fixed = {dim for dim in others if isinstance(dim, int)}
    if len(fixed) == 1:
        return fixed.pop()
    if len(others) > 1:
        raise Undecided("either dim may be the larger one")
    return others.pop() if others else 1


def _window(size: Size, kernel: int, stride: int, padding: int, dilation: int) -> Number:
    """Places of a window along an axis (ONNX operator documentation of MaxPool and Conv)."""
    return floor_division(size + padding - dilation * (kernel - 1) - 1, stride) + 1


def _windows(call: Shaped, kernel: Sequence[int]) -> Found:
    spatial = call[0][2:]
    rank = len(spatial)
    strides = call.integers("strides") or (1,) * rank
    dilations = call.integers("dilations") or (1,) * rank
    pads = call.integers("pads") or (0,) * 2 * rank
    automatic = call.text("auto_pad", "NOTSET")
    if call.integer("ceil_mode", 0):
        raise Undecided("ceil_mode")
    if automatic.startswith("SAME"):
        return _each(lambda size, stride: -floor_division(-size, stride), spatial, strides)
    if automatic == "VALID":
        pads = (0,) * 2 * rank
    paddings = [pads[k] + pads[k + rank] for k in range(rank)]
    return _each(_window, spatial, kernel, strides, paddings, dilations)


def _conv(call: Shaped) -> Found:
    weight = call[1]
    kernel = [_fixed(dim) for dim in weight[2:]]
    return (call[0][0], weight[0], *_windows(call, kernel))


def _pool(call: Shaped) -> Found:
    return (*call[0][:2], *_windows(call, call.integers("kernel_shape") or ()))


def _global_pool(call: Shaped) -> Found:
    return (*call[0][:2], *(1,) * (len(call[0]) - 2))


def _conv_transpose(call: Shaped) -> Found:
    if call.text("auto_pad", "NOTSET") != "NOTSET" or call.integers("output_shape") is not None:
        raise Undecided("pads are not given")
    spatial, weight = call[0][2:], call[1]
    rank = len(spatial)
    strides = call.integers("strides") or (1,) * rank
    dilations = call.integers("dilations") or (1,) * rank
    pads = call.integers("pads") or (0,) * 2 * rank
    extra = call.integers("output_padding") or (0,) * rank
    sizes = [
        stride * (size - 1) + more + dilation * (_fixed(kernel) - 1) + 1 - low - high
        for size, stride, more, dilation, kernel, low, high in zip(
            spatial, strides, extra, dilations, weight[2:], pads[:rank], pads[rank:], strict=True
        )
    ]
    return (call[0][0], weight[1] * call.integer("group", 1), *sizes)


def _fixed(dim: Size) -> int:
    if not isinstance(dim, int):
        raise Undecided(f"{dim} is not fixed")
    return dim


def _concat(call: Shaped) -> Found:
    shapes = [call[index] for index in range(len(call.node.inputs))]
    axis = call.integer("axis", 1) % len(shapes[0])
    return [
        reduce(operator.add, dims) if k == axis else _equal(dims)
        for k, dims in enumerate(zip(*shapes, strict=True))
    ]


def _equal(dims: Sequence[Size]) -> Size:
    """One of several dims that must be equal for the model to run at all; a number if there is."""
    return next((dim for dim in dims if isinstance(dim, int)), dims[0])


def _transpose(call: Shaped) -> Found:
    dims = call[0]
    return tuple(dims[k] for k in call.integers("perm") or range(len(dims))[::-1])


def _reshape(call: Shaped) -> Found:
    before, wanted = call[0], call.sizes(1)
    copies = not call.integer("allowzero", 0)
    dims: list[Any] = [before[k] if copies and size == 0 else size for k, size in enumerate(wanted)]
    # What is not sure to be above 0 may mean "copy", or "the rest".
    dims = [d if d is not None and (d == -1 or compare(d, 0) > 0) else None for d in dims]
    holes = [k for k, size in enumerate(dims) if size is None or size == -1]
    if len(holes) == 1:
        rest = total(d for k, d in enumerate(dims) if k != holes[0])
        dims[holes[0]] = quotient(total(before), rest)
    return [None if d == -1 else d for d in dims]


def _flatten(call: Shaped) -> Found:
    dims, axis = call[0], call.integer("axis", 1)
    axis += len(dims) if axis < 0 else 0
    return (total(dims[:axis]), total(dims[axis:]))


def _squeeze(call: Shaped) -> Found:
    dims, axes = call[0], call.integers("axes", 1)
    if axes is None:
        if any(dim != 1 and not isinstance(dim, int) for dim in dims):
            raise Undecided("a dim may be 1")
        return tuple(dim for dim in dims if dim != 1)
    gone = {axis % len(dims) for axis in axes}
    return tuple(dim for k, dim in enumerate(dims) if k not in gone)


def _unsqueeze(call: Shaped) -> Found:
    axes = call.integers("axes", 1) or ()
    rank = len(call[0]) + len(axes)
    new, rest = {axis % rank for axis in axes}, iter(call[0])
    return tuple(1 if k in new else next(rest) for k in range(rank))


def _slice(call: Shaped) -> Found:
    dims: list[Number | None] = list(call[0])
    starts = call.integers("starts") or call.sizes(1)
    ends = call.integers("ends") or call.sizes(2)
    axes = call.integers("axes", 3) or range(len(starts))
    steps = call.sizes(4) if call.input(4) is not None else (1,) * len(starts)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        (dims[axis],) = _each(_sliced, [call[0][axis]], [start], [end], [step])
    return dims


def _sliced(size: Size, start: Any, end: Any, step: Any) -> Number:
    if isinstance(size, int) and all(isinstance(x, int) for x in (start, end, step)):
        return len(range(size)[slice(start, end, step)])
    if step != 1 or start is None or end is None:
        raise Undecided("a slice with steps")
    low, high = _bound(start, size), _bound(end, size)
    return high - low if compare(high, low) > 0 else 0


def _bound(at: Number, size: Size) -> Number:
    """A start or an end within the axis."""
    place = at + size if compare(at, 0) < 0 else at
    if compare(place, 0) < 0:
        return 0
    return size if (isinstance(place, int) and place > 2**31) or compare(place, size) > 0 else place


def _gather(call: Shaped) -> Found:
    dims, axis = call[0], call.integer("axis", 0) % len(call[0])
    return (*dims[:axis], *call[1], *dims[axis + 1 :])


def _one_hot(call: Shaped) -> Found:
    dims, (depth,) = call[0], call.sizes(1)
    axis = call.integer("axis", -1) % (len(dims) + 1)
    return (*dims[:axis], depth, *dims[axis:])


def _expand(call: Shaped) -> Found:
    wanted = call.sizes(1)
    rank = max(len(wanted), len(call[0]))
    pair = ((1,) * (rank - len(call[0])) + call[0], (1,) * (rank - len(wanted)) + wanted)
    return _each(lambda *dims: None if None in dims else _common(dims), *pair)


def _tile(call: Shaped) -> Found:
    return _each(operator.mul, call[0], call.sizes(1))


def _pad(call: Shaped) -> Found:
    pads = call.integers("pads") or call.sizes(1)
    if call.input(3) is not None:
        raise Undecided("axes of Pad")
    rank = len(call[0])
    return _each(lambda *parts: sum(parts), call[0], pads[:rank], pads[rank:])


def _resize(call: Shaped) -> Found:
    if call.integers("axes") is not None:
        raise Undecided("axes of Resize")
    if call.text("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise Undecided("keep_aspect_ratio_policy")
    if call.input(3) is not None:
        return call.sizes(3)
    scales = call.sizes(2 if call.input(2) is not None or len(call.node.inputs) > 2 else 1)
    return _each(_scaled, call[0], scales)


def _scaled(size: Size, scale: Number) -> Number:
    """The size after scaling, which the runtime computes in float32."""
    product = held(size * scale, ir.DataType.FLOAT)
    if product is None:
        raise Undecided("the product may be rounded")
    return floor_division(product, 1)


def _matmul(call: Shaped) -> Found:
    left, right = call[0], call[1]
    if len(left) < 2 or len(right) < 2:
        raise Undecided("a product with a vector")
    rank = max(len(left), len(right)) - 2
    padded = [(1,) * (rank + 2 - len(s)) + s[:-2] for s in (left, right)]
    return (*_each(lambda *pair: _common(pair), *padded), left[-2], right[-1])


def _gemm(call: Shaped) -> Found:
    return (call[0][call.integer("transA", 0)], call[1][1 - call.integer("transB", 0)])


def _split(call: Shaped) -> Found:
    dims: list[Number | None] = list(call[0])
    axis, count = call.integer("axis", 0), len(call.node.outputs)
    sizes = call.integers("split", 1)
    if sizes is not None:
        dims[axis] = sizes[call.output]
    else:
        whole, each = dims[axis], quotient(call[0][axis], count)
        if isinstance(whole, int):  # the last part is what is left
            part = -(-whole // count)
            last = whole - part * (count - 1)
            each = part if call.output < count - 1 else last if last >= 0 else None
        dims[axis] = each
    return dims


def _reduced(call: Shaped) -> Found:
    dims = call[0]
    axes = call.integers("axes", 1)
    if not axes and call.integer("noop_with_empty_axes", 0):
        return dims
    gone = {axis % len(dims) for axis in axes} if axes else set(range(len(dims)))
    if call.integer("keepdims", 1):
        return [1 if k in gone else dim for k, dim in enumerate(dims)]
    return [dim for k, dim in enumerate(dims) if k not in gone]


def _best(call: Shaped) -> Found:
    dims, axis = call[0], call.integer("axis", 0) % len(call[0])
    return (*dims[:axis], *([1] if call.integer("keepdims", 1) else []), *dims[axis + 1 :])


def _recurrent(call: Shaped) -> Found:
    """Y is [steps, directions, batch, hidden]; the last states are without the steps."""
    if call.integer("layout", 0):
        raise Undecided("layout")
    steps, batch, _ = call[0]
    directions, _, hidden = call[2]
    state = (directions, batch, hidden)
    return state if call.output else (steps, *state)


_SEVERAL = frozenset({"GRU", "LSTM", "RNN", "Split"})
"""Operators of which every output is followed."""


def _constant_of_shape(call: Shaped) -> Found:
    return call.sizes(0)


def _range(call: Shaped) -> Found:
    (start,), (limit,), (step,) = (call.sizes(port) for port in range(3))
    count = limit - start
    if step != 1:
        raise Undecided("only a step of 1 is followed")
    return (count if compare(count, 0) > 0 else 0,)


BROADCASTING = (
    "Add", "And", "Div", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Max",
    "Mean", "Min", "Mod", "Mul", "Or", "Pow", "Sub", "Sum", "Where",
)  # fmt: skip
"""Operators that stretch axes of size 1 to what the others have."""

OPERATORS: Mapping[str, Callable[[Shaped], Found]] = {
    **dict.fromkeys(
        (
            "Abs", "BatchNormalization", "Cast", "Ceil", "Celu", "Clip", "Cos", "CumSum", "Dropout",
            "Elu", "Erf", "Exp", "Floor", "Gelu", "HardSigmoid", "HardSwish", "Identity",
            "InstanceNormalization", "GroupNormalization", "LRN", "LayerNormalization", "LeakyRelu",
            "Log", "LogSoftmax", "Mish", "Neg", "Not", "PRelu", "Reciprocal", "Relu", "Round",
            "Selu", "Sigmoid", "Sign", "Sin", "Softmax", "Softplus", "Softsign", "Sqrt", "Tanh",
            "ThresholdedRelu", "Trilu",
        ),
        _same,
    ),
    **dict.fromkeys(BROADCASTING, _broadcast),
    **{f"Reduce{kind}": _reduced for kind in _REDUCTIONS},
    **dict.fromkeys(("ArgMax", "ArgMin"), _best),
    **dict.fromkeys(("GRU", "LSTM", "RNN"), _recurrent),
    "AveragePool": _pool,
    "Concat": _concat,
    "ConstantOfShape": _constant_of_shape,
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Expand": _expand,
    "Flatten": _flatten,
    "Gather": _gather,
    "Gemm": _gemm,
    "GlobalAveragePool": _global_pool,
    "GlobalMaxPool": _global_pool,
    "MatMul": _matmul,
    "MaxPool": _pool,
    "OneHot": _one_hot,
    "Pad": _pad,
    "Range": _range,
    "Reshape": _reshape,
    "Resize": _resize,
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _squeeze,
    "Tile": _tile,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
    "Upsample": _resize,
}  # fmt: skip
"""The operators that are followed, in the forms of all opsets."""

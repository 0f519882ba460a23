"""Operators that exporters write in parts: taken apart, or found again in their parts."""

import enum
from collections.abc import Iterator
from dataclasses import dataclass

import onnx_ir as ir

from graphfix.rewrite import Rewriter, Skip

_ROUNDING = {ir.DataType.FLOAT16: 2.0**-9, ir.DataType.BFLOAT16: 2.0**-6}
"""How far numbers that mean the same may be apart, relatively; otherwise it is 2**-20."""
_TYPES = (ir.DataType.FLOAT16, ir.DataType.FLOAT, ir.DataType.DOUBLE)
_DEEPEST = 3
"""Levels of products that are looked into; no pattern has more."""


class Mode(enum.Enum):
    """Which way a pass goes."""

    DECOMPOSE = "decompose"
    RESTORE = "restore"


def refusal(op_type: str, since: int, data: ir.Value, rw: Rewriter) -> Skip | None:
    """Why the parts of an operator stay: the model's opset does not have it for this type."""
    if rw.opset < since:
        remedy = f"opset{{to={since}}} takes the model to one that has"
        return rw.skip(f"opset {rw.opset} has no {op_type}; {remedy}")
    if data.dtype is None:
        return rw.skip("the type of its input is not known")
    if data.dtype not in _TYPES:
        return rw.skip(f"{op_type} does not take {data.dtype.name.lower()} in every opset")
    return None


def near(found: float, wanted: float, value: ir.Value) -> bool:
    """Whether two numbers are the same up to the rounding of the type of ``value``."""
    rounding = _ROUNDING.get(value.dtype or ir.DataType.FLOAT, 2.0**-20)
    return abs(found - wanted) <= rounding * abs(wanted)


def number(value: ir.Value | None, beside: ir.Value | None, rw: Rewriter) -> float | None:
    """The number that a constant stands for where it meets ``beside``, whose shape it keeps."""
    array = rw.constant(value)
    if array is None or array.size != 1:
        return None
    return float(array.reshape(())) if array.ndim <= (rw.rank(beside) or 0) else None


def with_number(
    value: ir.Value | None, op_type: str, rw: Rewriter
) -> tuple[ir.Value, float] | None:
    """The other input and the number of a node such as ``Add(x, 3)`` or ``Div(x, 6)``."""
    node = rw.producer(value, op_type)
    if node is None:
        return None
    ways = [tuple(node.inputs)] if op_type in ("Div", "Pow", "Sub") else _both(node)
    for other, given in ways:
        found = number(given, other, rw)
        if found is not None and other is not None:
            return other, found
    return None


@dataclass(frozen=True)
class Standardized:
    """What ``(x - mean) / Sqrt(variance + epsilon)`` is made of."""

    data: ir.Value
    count: int
    """How many of the last axes have a mean and a variance together."""
    epsilon: float


def standardized(value: ir.Value | None, rw: Rewriter) -> Standardized | None:
    """What is brought to mean 0 and variance 1, when ``value`` is the end of such parts."""
    division = rw.producer(value, "Div")
    if division is None:
        return None
    centred, root = division.inputs[0], rw.producer(division.inputs[1], "Sqrt")
    shifted = with_number(root.inputs[0], "Add", rw) if root is not None else None
    difference = rw.producer(centred, "Sub")
    if shifted is None or difference is None or centred is None:
        return None
    data, mean = difference.inputs
    means = [rw.producer(each, "ReduceMean") for each in (mean, shifted[0])]
    if data is None or means[0] is None or means[1] is None or means[0].inputs[0] is not data:
        return None
    counts = [_last_axes(each, data, rw) for each in means if each is not None]
    if counts[0] is None or counts[0] != counts[1] or not _is_square(means[1], centred, rw):
        return None
    return Standardized(data, counts[0], shifted[1])


def _is_square(mean: ir.Node, centred: ir.Value, rw: Rewriter) -> bool:
    square = mean.inputs[0]
    if with_number(square, "Pow", rw) == (centred, 2.0):
        return True
    product = rw.producer(square, "Mul")
    return product is not None and all(each is centred for each in product.inputs)


def _last_axes(mean: ir.Node, data: ir.Value, rw: Rewriter) -> int | None:
    """How many axes are reduced, if they are the last ones and stay as dims of 1."""
    axes = rw.param_ints(mean, "axes", 1)
    if not axes or rw.attr_int(mean, "keepdims", 1) != 1:
        return None
    rank = rw.rank(data)
    if rank is None and max(axes) >= 0:
        return None
    behind = sorted(axis if axis < 0 else axis - (rank or 0) for axis in axes)
    return len(axes) if behind == list(range(-len(axes), 0)) else None


def per_channel(value: ir.Value | None, data: ir.Value, rw: Rewriter) -> ir.Value | None:
    """A constant of shape ``[channels, 1, ...]`` as one of shape ``[channels]``."""
    array, rank, dims = rw.constant(value), rw.rank(data), rw.dims(data)
    if array is None or rank is None or dims is None:
        return None
    wanted = (dims[1], *(1,) * (rank - 2))
    shape = array.shape[1:] if array.ndim == rank and array.shape[0] == 1 else array.shape
    return rw.const(array.reshape(-1)) if shape == wanted else None


def factors(
    value: ir.Value, whole: ir.Value, rw: Rewriter
) -> tuple[frozenset[ir.Value], float] | None:
    """The two factors of ``value`` besides numbers, and the product of the numbers.

    ``whole`` is one of them and not looked into. ``None`` when there are more or fewer.
    """
    found: list[ir.Value] = []
    scale = 1.0
    for factor in _leaves(value, whole, rw, _DEEPEST):
        if isinstance(factor, float):
            scale *= factor
        else:
            found.append(factor)
        if len(found) > 2:
            return None
    return (frozenset(found), scale) if len(found) == 2 else None


def products(value: ir.Value, rw: Rewriter, levels: int = _DEEPEST) -> Iterator[ir.Value]:
    """``value``, what it is the product of, what those are products of, and so on."""
    yield value
    node = rw.producer(value, "Mul", "Div")
    if node is not None and levels:
        for given in node.inputs[: 1 if node.op_type == "Div" else 2]:
            if given is not None:
                yield from products(given, rw, levels - 1)


def _leaves(
    value: ir.Value, whole: ir.Value, rw: Rewriter, levels: int
) -> Iterator[ir.Value | float]:
    by = with_number(value, "Mul", rw)
    over = with_number(value, "Div", rw)
    node = rw.producer(value, "Mul")
    if value is whole or not levels:
        yield value
    elif by is not None:
        yield by[1]
        yield from _leaves(by[0], whole, rw, levels - 1)
    elif over is not None and over[1]:
        yield 1 / over[1]
        yield from _leaves(over[0], whole, rw, levels - 1)
    elif node is not None:
        for given in node.inputs:
            assert given is not None
            yield from _leaves(given, whole, rw, levels - 1)
    else:
        yield value


def _both(node: ir.Node) -> list[tuple[ir.Value | None, ir.Value | None]]:
    left, right = node.inputs
    return [(left, right), (right, left)]

"""Bounds of integer values, derived from the graph: what no run can exceed.

Plain interval arithmetic (Moore, *Interval Analysis*, 1966) over the operators that shape and index
calculations are made of. A tensor has one interval for all its elements. What is not known is
unbounded, so that a derived bound is true of every input of the model; it may be wider than needed.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx_ir as ir

from graphfix.rewrite.constants import constant_tensor

LARGEST_CONSTANT: Final = 1 << 16
"""Elements of a constant that are looked at; larger ones are weights."""


LARGEST_FLOAT: Final = 1 << 22
"""Float numbers up to here are followed: all rounding of float32 is far below 1."""


@dataclass(frozen=True)
class Interval:
    """All numbers from ``low`` to ``high``, both included; infinite where there is no bound."""

    low: float = -math.inf
    high: float = math.inf

    @property
    def bounded(self) -> bool:
        """Whether both ends are known."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    def within(self, low: int, high: int) -> bool:
        """Whether nothing of it lies outside."""
        return low <= self.low and self.high <= high


ANY: Final = Interval()
_BOOL: Final = Interval(0, 1)


def derive(model: ir.Model) -> dict[str, Interval]:
    """Bounds of the values of the main graph, by name; what is missing is unbounded.

    Shapes are taken from the values as they stand (see ``graphfix.model.infer_shapes``); a symbolic
    dim is any size from 0 on.
    """
    found: dict[str, Interval] = {}

    def of(value: ir.Value | None) -> Interval:
        if value is None:
            return ANY
        if value.name not in found:
            found[value.name or ""] = _constant(value)  # or an input of the graph: unbounded
        return found[value.name or ""]

    for node in model.graph:
        rule = _RULES.get(node.op_type) if node.domain in ("", "ai.onnx") else None
        results = rule(node, of) if rule else ()
        for output, interval in zip(node.outputs, results, strict=False):
            found[output.name or ""] = interval if _stays(node, interval, output.dtype) else ANY
    return {name: interval for name, interval in found.items() if interval != ANY}


def _stays(node: ir.Node, interval: Interval, dtype: ir.DataType | None) -> bool:
    """Whether the type holds these numbers: integers wrap around, large floats are rounded."""
    if dtype is None:
        return False
    if dtype == ir.DataType.BOOL:
        return True
    if not dtype.is_integer():
        inside = interval.within(-LARGEST_FLOAT, LARGEST_FLOAT)
        return inside and dtype in (ir.DataType.FLOAT, ir.DataType.DOUBLE)
    low, high = limits(dtype)
    if node.op_type in _ARITHMETIC:
        return interval.within(low, high)
    # An open end says that nothing is known there; the other one holds all the same.
    return (interval.low == -math.inf or interval.low >= low) and (
        interval.high == math.inf or interval.high <= high
    )


_ARITHMETIC: Final = frozenset({"Add", "Sub", "Mul", "Neg", "Abs"})
"""Operators whose result may leave the type although their inputs are in it."""

Of = Callable[[ir.Value | None], Interval]
Rule = Callable[[ir.Node, Of], Sequence[Interval]]


def _constant(value: ir.Value) -> Interval:
    tensor = constant_tensor(value)
    if tensor is None or not tensor.size or tensor.size > LARGEST_CONSTANT:
        return ANY
    if tensor.dtype == ir.DataType.STRING or not (tensor.dtype.is_integer() or _is_real(tensor)):
        return ANY
    array = tensor.numpy()
    low, high = array.min(), array.max()
    if not (np.isfinite(float(low)) and np.isfinite(float(high))):
        return ANY
    return Interval(_python(low), _python(high))


def _is_real(tensor: ir.TensorProtocol) -> bool:
    return tensor.dtype in (ir.DataType.BOOL, ir.DataType.FLOAT, ir.DataType.DOUBLE)


def _python(number: np.generic) -> float:
    item: float = number.item()
    return item


def _union(parts: Sequence[Interval]) -> Interval:
    return Interval(min(p.low for p in parts), max(p.high for p in parts)) if parts else ANY


def _corners(a: Interval, b: Interval, work: Callable[[float, float], float]) -> Interval:
    values = [work(x, y) for x in (a.low, a.high) for y in (b.low, b.high)]
    return Interval(min(values), max(values))


def _times(x: float, y: float) -> float:
    return 0 if x == 0 or y == 0 else x * y  # 0 times an unknown number is 0


def _same(node: ir.Node, of: Of) -> Sequence[Interval]:
    return (of(node.inputs[0]),)


def _hull(node: ir.Node, of: Of) -> Sequence[Interval]:
    return (_union([of(value) for value in node.inputs if value is not None]),)


def _split(node: ir.Node, of: Of) -> Sequence[Interval]:
    return (of(node.inputs[0]),) * len(node.outputs)


def _add(node: ir.Node, of: Of) -> Sequence[Interval]:
    a, b = of(node.inputs[0]), of(node.inputs[1])
    return (Interval(a.low + b.low, a.high + b.high),)


def _sub(node: ir.Node, of: Of) -> Sequence[Interval]:
    a, b = of(node.inputs[0]), of(node.inputs[1])
    return (Interval(a.low - b.high, a.high - b.low),)


def _mul(node: ir.Node, of: Of) -> Sequence[Interval]:
    return (_corners(of(node.inputs[0]), of(node.inputs[1]), _times),)


def _div(node: ir.Node, of: Of) -> Sequence[Interval]:
    a, b = of(node.inputs[0]), of(node.inputs[1])
    if b.low <= 0 <= b.high or not b.bounded:
        return (ANY,)
    wide = _corners(a, b, lambda x, y: x / y)
    if _integer(node.inputs[0]):  # towards zero
        return (Interval(_rounded(wide.low, math.trunc), _rounded(wide.high, math.trunc)),)
    return (wide,)


def _mod(node: ir.Node, of: Of) -> Sequence[Interval]:
    b = of(node.inputs[1])
    if not _integer(node.inputs[0]) or not b.bounded or b.low <= 0:
        return (ANY,)
    fmod = node.attributes.get("fmod")
    low = 0.0 if fmod is None or fmod.is_ref() or not fmod.as_int() else 1 - b.high
    return (Interval(low, b.high - 1),)


def _neg(node: ir.Node, of: Of) -> Sequence[Interval]:
    a = of(node.inputs[0])
    return (Interval(-a.high, -a.low),)


def _abs(node: ir.Node, of: Of) -> Sequence[Interval]:
    a = of(node.inputs[0])
    low = 0 if a.low <= 0 <= a.high else min(abs(a.low), abs(a.high))
    return (Interval(low, max(abs(a.low), abs(a.high))),)


def _min(node: ir.Node, of: Of) -> Sequence[Interval]:
    parts = [of(value) for value in node.inputs]
    return (Interval(min(p.low for p in parts), min(p.high for p in parts)),)


def _max(node: ir.Node, of: Of) -> Sequence[Interval]:
    parts = [of(value) for value in node.inputs]
    return (Interval(max(p.low for p in parts), max(p.high for p in parts)),)


def _where(node: ir.Node, of: Of) -> Sequence[Interval]:
    return (_union([of(node.inputs[1]), of(node.inputs[2])]),)


def _cast(node: ir.Node, of: Of) -> Sequence[Interval]:
    """What the new type holds stays; where a number may not fit, all of the type is possible."""
    a = of(node.inputs[0])
    to = node.outputs[0].dtype
    if to == ir.DataType.BOOL:
        return (_BOOL,)
    if to is None or not to.is_integer():
        return (a,)
    if not _integer(node.inputs[0]):
        a = _blurred(a, math.trunc)
    low, high = limits(to)
    return (a if a.within(low, high) else Interval(low, high),)


def _blurred(a: Interval, work: Callable[[float], float]) -> Interval:
    """Rounded ends, and one more: 2.9999999 may have been 3 in the arithmetic of the model."""
    return Interval(_rounded(a.low, work) - 1, _rounded(a.high, work) + 1)


def _rounded(number: float, work: Callable[[float], float]) -> float:
    return work(number) if math.isfinite(number) else number


def _floor(node: ir.Node, of: Of) -> Sequence[Interval]:
    return (_blurred(of(node.inputs[0]), math.floor),)


def _ceil(node: ir.Node, of: Of) -> Sequence[Interval]:
    return (_blurred(of(node.inputs[0]), math.ceil),)


def _shape(node: ir.Node, of: Of) -> Sequence[Interval]:
    shape = node.inputs[0].shape if node.inputs[0] is not None else None
    if shape is None or not len(shape):
        return (Interval(0, math.inf),)
    sizes = [dim if isinstance(dim, int) else None for dim in shape]
    known = [size for size in sizes if size is not None]
    unknown = len(known) < len(sizes)
    return (Interval(0 if unknown else min(known), math.inf if unknown else max(known)),)


def _size(node: ir.Node, of: Of) -> Sequence[Interval]:
    shape = node.inputs[0].shape if node.inputs[0] is not None else None
    if shape is None or not all(isinstance(dim, int) for dim in shape):
        return (Interval(0, math.inf),)
    count = math.prod(int(dim) for dim in shape if isinstance(dim, int))
    return (Interval(count, count),)


def _range(node: ir.Node, of: Of) -> Sequence[Interval]:
    start, limit = of(node.inputs[0]), of(node.inputs[1])
    return (_union([start, limit]),)


def _fill(node: ir.Node, of: Of) -> Sequence[Interval]:
    value = node.attributes.get("value")
    if value is None or value.is_ref():
        return (Interval(0, 0) if value is None else ANY,)
    number = _python(value.as_tensor().numpy().reshape(-1)[0])
    return (Interval(number, number),) if math.isfinite(number) else (ANY,)


def _index(node: ir.Node, of: Of) -> Sequence[Interval]:
    """An index along one axis of the input: below its size."""
    return (_below(_axis_size(node)),)


def _top(node: ir.Node, of: Of) -> Sequence[Interval]:
    return (of(node.inputs[0]), _below(_axis_size(node, default=-1)))


def _nonzero(node: ir.Node, of: Of) -> Sequence[Interval]:
    shape = node.inputs[0].shape if node.inputs[0] is not None else None
    sizes = [dim for dim in shape or () if isinstance(dim, int)]
    whole = shape is not None and len(sizes) == len(shape) and bool(sizes)
    return (_below(max(sizes) if whole else None),)


def _axis_size(node: ir.Node, default: int = 0) -> int | None:
    shape = node.inputs[0].shape if node.inputs[0] is not None else None
    attribute = node.attributes.get("axis")
    if shape is None or (attribute is not None and attribute.is_ref()):
        return None
    axis = attribute.as_int() if attribute is not None else default
    if not -len(shape) <= axis < len(shape):
        return None
    size = shape[axis]
    return size if isinstance(size, int) else None


def _below(size: int | None) -> Interval:
    return Interval(0, math.inf if size is None else max(size - 1, 0))


def _truth(node: ir.Node, of: Of) -> Sequence[Interval]:
    return (_BOOL,)


def _clip(node: ir.Node, of: Of) -> Sequence[Interval]:
    if len(node.inputs) < 2:  # bounds are attributes below opset 11
        return (ANY,)
    a = of(node.inputs[0])
    least = of(node.inputs[1]) if node.inputs[1] is not None else Interval(-math.inf, -math.inf)
    most = Interval(math.inf, math.inf)
    if len(node.inputs) > 2 and node.inputs[2] is not None:
        most = of(node.inputs[2])
    return (
        Interval(
            min(max(a.low, least.low), most.low),
            min(max(a.high, least.high), most.high),
        ),
    )


def _integer(value: ir.Value | None) -> bool:
    return value is not None and value.dtype is not None and value.dtype.is_integer()


def limits(dtype: ir.DataType) -> tuple[int, int]:
    """The smallest and the largest number of an integer type."""
    if dtype.bitwidth < 8:
        half = 1 << (dtype.bitwidth - 1)
        return (-half, half - 1) if dtype.is_signed() else (0, 2 * half - 1)
    info = np.iinfo(dtype.numpy())
    return int(info.min), int(info.max)


_RULES: Final[Mapping[str, Rule]] = {
    **dict.fromkeys(
        ("Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Expand", "Tile",
         "Slice", "Gather", "GatherElements", "GatherND", "Compress", "Unique",
         "ReverseSequence", "DepthToSpace", "SpaceToDepth"),
        _same,
    ),
    **dict.fromkeys(
        ("Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "And", "Or", "Xor", "Not",
         "IsNaN", "IsInf"),
        _truth,
    ),
    **dict.fromkeys(("ArgMax", "ArgMin"), _index),
    "Concat": _hull, "Split": _split, "Add": _add, "Sub": _sub, "Mul": _mul, "Div": _div,
    "Mod": _mod, "Neg": _neg, "Abs": _abs, "Min": _min, "Max": _max, "Where": _where,
    "Cast": _cast, "Floor": _floor, "Ceil": _ceil, "Shape": _shape, "Size": _size,
    "Range": _range, "ConstantOfShape": _fill, "TopK": _top, "NonZero": _nonzero, "Clip": _clip,
}  # fmt: skip
"""What an operator makes of the bounds of its inputs."""

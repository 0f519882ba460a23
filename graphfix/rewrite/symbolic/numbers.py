"""What operators make of small tensors of sizes."""

import operator
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from math import prod
from typing import Any

import numpy as np
import onnx_ir as ir

from graphfix.rewrite.symbolic.size import (
    Number,
    Poly,
    Size,
    Undecided,
    compare,
    floor_division,
    is_natural,
    is_whole,
    quotient,
)
from graphfix.rewrite.symbolic.vector import (
    FLOATS,
    FOLLOWED,
    INTEGERS,
    MOST_ELEMENTS,
    Known,
    Maybe,
    from_array,
    held,
    known,
)

Given = Sequence[Maybe]


def apply(node: ir.Node, inputs: Given) -> Given:
    """What ``node``, one of :data:`OPERATORS`, makes of ``inputs``, one entry for each output.

    Raises:
        Undecided: no expression over sizes says it.
    """
    try:
        result = OPERATORS[node.op_type](_Call(node, inputs))
    except (ValueError, IndexError, TypeError, ZeroDivisionError, OverflowError) as error:
        raise Undecided(str(error)) from error
    results = result if isinstance(result, tuple) else (result,)
    if any(each.data.size > MOST_ELEMENTS for each in results):
        raise Undecided("too many elements")
    return results


class _Call:
    """One node with what is known of its inputs."""

    def __init__(self, node: ir.Node, inputs: Given) -> None:
        self.node = node
        self._inputs = inputs

    def given(self, index: int) -> bool:
        return index < len(self.node.inputs) and self.node.inputs[index] is not None

    def __getitem__(self, index: int) -> Known:
        found = self._inputs[index] if index < len(self._inputs) else None
        if found is None:
            raise Undecided(f"input {index} is not known")
        return found

    def all(self) -> list[Known]:
        return [self[index] for index in range(len(self.node.inputs))]

    def integer(self, name: str, default: int) -> int:
        attribute = self._attribute(name)
        return default if attribute is None else attribute.as_int()

    def integers(self, name: str, index: int) -> list[int] | None:
        """A parameter that is an attribute in old opsets and input ``index`` in new ones."""
        attribute = self._attribute(name)
        if attribute is not None:
            return list(attribute.as_ints())
        return self.constants(index) if self.given(index) else None

    def constants(self, index: int) -> list[int]:
        array = self[index].constant
        if array is None:
            raise Undecided(f"input {index} depends on the sizes")
        return [int(item) for item in array.flat]

    def _attribute(self, name: str) -> ir.Attr | None:
        attribute = self.node.attributes.data.get(name)
        if attribute is not None and attribute.is_ref():
            raise Undecided(f"attribute {name!r} is a parameter of a function")
        return attribute


def _objects(result: Any) -> np.ndarray:
    """An array of objects; numpy makes plain objects of arrays without dims."""
    if isinstance(result, np.ndarray) and result.dtype == object:
        return result
    array = np.empty((), object)
    array[()] = result
    return array


def _result(data: Any, dtype: ir.DataType) -> Known:
    """The elements as the runtime has them: integers that fit, floats rounded."""
    array = _objects(data)
    if array.size > MOST_ELEMENTS:
        raise Undecided("too many elements")
    return known([held(item, dtype) for item in array.flat], dtype, array.shape)


def _ufunc(function: Callable[..., Any], operands: int) -> Any:
    """``function`` for arrays of elements; what is not known or decided stays ``None``."""

    def guarded(*elements: Any) -> Any:
        if any(element is None for element in elements):
            return None
        try:
            return function(*elements)
        except Undecided:
            return None

    return np.frompyfunc(guarded, operands, 1)


def _elementwise(function: Callable[[Any, Any], Any]) -> Callable[[_Call], Known]:
    """An operator of two or more operands of one type, with that type as its result."""
    ufunc = _ufunc(function, 2)

    def rule(call: _Call) -> Known:
        operands = call.all()
        dtype = operands[0].dtype
        data = operands[0].data
        for operand in operands[1:]:
            data = _result(ufunc(data, operand.data), dtype).data
        return Known(data, dtype)

    return rule


def _comparison(decide: Callable[[int], bool]) -> Callable[[_Call], Known]:
    ufunc = _ufunc(lambda a, b: decide(compare(a, b)), 2)
    return lambda call: Known(_objects(ufunc(call[0].data, call[1].data)), ir.DataType.BOOL)


def _logic(function: Callable[[bool, bool], bool]) -> Callable[[_Call], Known]:
    ufunc = _ufunc(function, 2)
    return lambda call: Known(_objects(ufunc(call[0].data, call[1].data)), ir.DataType.BOOL)


def _unary(function: Callable[[Any], Any]) -> Callable[[_Call], Known]:
    ufunc = _ufunc(function, 1)
    return lambda call: _result(ufunc(call[0].data), call[0].dtype)


def _div(call: _Call) -> Known:
    exact = call[0].dtype in FLOATS
    ufunc = _ufunc(_true_division if exact else _truncated, 2)
    return _result(ufunc(call[0].data, call[1].data), call[0].dtype)


def _true_division(a: Number, b: Number) -> Number:
    if b == 0:
        raise Undecided("division by zero")
    found = quotient(a, b)
    if found is None:
        raise Undecided(f"({a})/({b}) is not the same expression for all sizes")
    return found


def _truncated(a: Number, b: Number) -> Number:
    """Integer division of ONNX, which drops the fraction."""
    if isinstance(a, int) and isinstance(b, int):
        return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
    found = quotient(a, b)
    if found is not None and is_whole(found):
        return found
    if not is_natural(a):
        raise Undecided(f"{a} may be negative")
    return floor_division(a, b)


def _mod(call: _Call) -> Known:
    if call[0].dtype not in INTEGERS:
        raise Undecided("the rest of a float division")
    ufunc = _ufunc(_rest_c if call.integer("fmod", 0) else _rest, 2)
    return _result(ufunc(call[0].data, call[1].data), call[0].dtype)


def _rest(a: Number, b: Number) -> Number:
    return a - b * floor_division(a, b)


def _rest_c(a: Number, b: Number) -> Number:
    """The rest with the sign of the dividend."""
    if not (is_natural(a) and is_natural(b)):
        raise Undecided("the rest of a negative number")
    return _rest(a, b)


def _floor(x: Number) -> Size:
    return floor_division(x, 1)


def _ceil(x: Number) -> Number:
    return -floor_division(-x, 1)


def _round(x: Number) -> Number:
    if isinstance(x, Poly) and not is_whole(x):
        raise Undecided(f"round({x})")
    return x if isinstance(x, Poly) else round(x)


def _cast(call: _Call) -> Known:
    source, target = call[0].dtype, ir.DataType(call.integer("to", 0))
    if target not in FOLLOWED:
        raise Undecided(f"a cast to {target}")
    ufunc = _ufunc(lambda x: _converted(x, source, target), 1)
    return _result(ufunc(call[0].data), target)


def _converted(x: Any, source: ir.DataType, target: ir.DataType) -> Number:
    if target == ir.DataType.BOOL:
        return bool(x) if not isinstance(x, Poly) else compare(x, 0) != 0
    if isinstance(x, bool):
        return int(x)
    if target not in INTEGERS or is_whole(x):
        return x  # type: ignore[no-any-return]  # elements of object arrays
    if not isinstance(x, Poly):
        return int(x)
    if not is_natural(x):
        raise Undecided(f"{x} may be negative")
    return _floor(x)


def _where(call: _Call) -> Known:
    condition, yes, no = np.broadcast_arrays(call[0].data, call[1].data, call[2].data)
    chosen = [
        (a if a == b else None) if test is None else a if test else b
        for test, a, b in zip(condition.flat, yes.flat, no.flat, strict=True)
    ]
    return known(chosen, call[1].dtype, condition.shape)


def _largest(a: Number, b: Number) -> Number:
    return a if _is_larger(a, b) else b


def _smallest(a: Number, b: Number) -> Number:
    return b if _is_larger(a, b) else a


def _is_larger(a: Number, b: Number) -> bool:
    """Whether ``a`` is larger in every run, or the same, as a dim beside 1 may be."""
    if is_natural(a - b):
        return True
    if is_natural(b - a):
        return False
    raise Undecided(f"which of {a} and {b} is larger depends on the sizes")


def _moved(function: Callable[[np.ndarray, _Call], Any]) -> Callable[[_Call], Known]:
    """An operator that only moves the elements of input 0."""
    return lambda call: Known(_objects(function(call[0].data, call)), call[0].dtype)


def _gather(data: np.ndarray, call: _Call) -> Any:
    indices = call[1].constant
    if indices is None:
        raise Undecided("the index depends on the sizes")
    return np.take(data, indices, call.integer("axis", 0))


def _slice(data: np.ndarray, call: _Call) -> Any:
    starts, ends = call.integers("starts", 1), call.integers("ends", 2)
    if starts is None or ends is None:
        raise Undecided("starts or ends are missing")
    axes = call.integers("axes", 3) or range(len(starts))
    steps = call.constants(4) if call.given(4) else [1] * len(starts)
    index: list[Any] = [slice(None)] * data.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        index[axis] = slice(start, end, step)
    return data[tuple(index)]


def _squeeze(data: np.ndarray, call: _Call) -> Any:
    axes = call.integers("axes", 1)
    return np.squeeze(data, None if axes is None else tuple(axes))


def _unsqueeze(data: np.ndarray, call: _Call) -> Any:
    return np.expand_dims(data, tuple(call.integers("axes", 1) or ()))


def _reshape(data: np.ndarray, call: _Call) -> Any:
    sizes = call.constants(1)
    if not call.integer("allowzero", 0):
        sizes = [data.shape[k] if size == 0 else size for k, size in enumerate(sizes)]
    return data.reshape(sizes)


def _transpose(data: np.ndarray, call: _Call) -> Any:
    return data.transpose(call.integers("perm", 99))


def _expand(data: np.ndarray, call: _Call) -> Any:
    shape = np.broadcast_shapes(data.shape, tuple(_bounded(call.constants(1))))
    return np.broadcast_to(data, shape)


def _tile(data: np.ndarray, call: _Call) -> Any:
    repeats = call.constants(1)
    _bounded([a * b for a, b in zip(data.shape, repeats, strict=True)])
    return np.tile(data, repeats)


def _bounded(shape: Sequence[int]) -> Sequence[int]:
    if prod(shape) > MOST_ELEMENTS:
        raise Undecided("too many elements")
    return shape


def _concat(call: _Call) -> Known:
    parts = call.all()
    return Known(np.concatenate([p.data for p in parts], call.integer("axis", 0)), parts[0].dtype)


def _split(call: _Call) -> tuple[Known, ...]:
    data, axis = call[0].data, call.integer("axis", 0)
    sizes = call.integers("split", 1)
    if sizes is None:
        count = len(call.node.outputs)
        each = -(-data.shape[axis] // count)
        if each * (count - 1) > data.shape[axis]:
            raise Undecided("there is nothing left for the last part")
        sizes = [each] * (count - 1)
    else:
        sizes = sizes[:-1]
    return tuple(Known(p, call[0].dtype) for p in np.split(data, np.cumsum(sizes), axis))


def _constant_of_shape(call: _Call) -> Known:
    shape = tuple(_bounded(call.constants(0)))
    attribute = call.node.attributes.get("value")
    if attribute is None:
        fill: Maybe = known([0], ir.DataType.FLOAT)
    else:
        tensor = attribute.as_tensor()
        fill = from_array(tensor.numpy(), tensor.dtype)
    if fill is None:
        raise Undecided("the value is no plain number")
    return Known(np.full(shape, fill.data.flat[0], object), fill.dtype)


def _range(call: _Call) -> Known:
    if call[0].dtype not in INTEGERS:
        raise Undecided("a range of floats")
    (start,), (limit,), (delta,) = (call.constants(k) for k in range(3))
    _bounded([len(range(start, limit, delta))])
    return known(list(range(start, limit, delta)), call[0].dtype)


def _reduction(function: Callable[[Any, Any], Any]) -> Callable[[_Call], Known]:
    def rule(call: _Call) -> Known:
        data = call[0].data
        if call[0].dtype not in INTEGERS or data.ndim > 1 or not data.size:
            raise Undecided("a reduction of more than a vector of integers")
        if call.integer("noop_with_empty_axes", 0) and not call.integers("axes", 1):
            return call[0]
        if any(item is None for item in data.flat):
            raise Undecided("an element is not known")
        item = reduce(function, data.flat)
        keep = call.integer("keepdims", 1) and data.ndim
        return _result(known([item]).data if keep else item, call[0].dtype)

    return rule


OPERATORS: Mapping[str, Callable[[_Call], Known | tuple[Known, ...]]] = {
    "Abs": _unary(lambda x: _largest(x, -x)),
    "Add": _elementwise(operator.add),
    "And": _logic(lambda a, b: a and b),
    "Cast": _cast,
    "Ceil": _unary(_ceil),
    "Concat": _concat,
    "ConstantOfShape": _constant_of_shape,
    "Div": _div,
    "Equal": _comparison(lambda sign: sign == 0),
    "Expand": _moved(_expand),
    "Floor": _unary(_floor),
    "Gather": _moved(_gather),
    "Greater": _comparison(lambda sign: sign > 0),
    "GreaterOrEqual": _comparison(lambda sign: sign >= 0),
    "Identity": _moved(lambda data, _: data),
    "Less": _comparison(lambda sign: sign < 0),
    "LessOrEqual": _comparison(lambda sign: sign <= 0),
    "Max": _elementwise(_largest),
    "Min": _elementwise(_smallest),
    "Mod": _mod,
    "Mul": _elementwise(operator.mul),
    "Neg": _unary(operator.neg),
    "Not": _unary(operator.not_),
    "Or": _logic(lambda a, b: a or b),
    "Range": _range,
    "Reciprocal": _unary(lambda x: _true_division(1, x)),
    "ReduceMax": _reduction(_largest),
    "ReduceMin": _reduction(_smallest),
    "ReduceProd": _reduction(operator.mul),
    "ReduceSum": _reduction(operator.add),
    "Reshape": _moved(_reshape),
    "Round": _unary(_round),
    "Slice": _moved(_slice),
    "Split": _split,
    "Squeeze": _moved(_squeeze),
    "Sub": _elementwise(operator.sub),
    "Tile": _moved(_tile),
    "Transpose": _moved(_transpose),
    "Unsqueeze": _moved(_unsqueeze),
    "Where": _where,
}
"""The operators that are followed, in the forms of all opsets."""

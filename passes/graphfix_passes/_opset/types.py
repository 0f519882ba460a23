"""Where only the type is too new: the work is done in a type that the older version takes."""

from collections.abc import Callable

import onnx_ir as ir

from graphfix.rewrite.opsets import Answer, Converter
from graphfix.rewrite.records import Skip
from graphfix_passes._opset.table import DOWN, given, number, used

_T = ir.DataType
_SMALL = (_T.INT8, _T.UINT8, _T.INT16, _T.UINT16)
_INTEGERS = (*_SMALL, _T.INT32, _T.UINT32, _T.INT64)


def _through(
    node: ir.Node, wide: ir.DataType, rw: Converter, *, outputs: tuple[int, ...] = (0,)
) -> Answer:
    """Cast the inputs of the node's type to ``wide``, and ``outputs`` back."""
    own = rw.dtype(node.inputs[0])
    assert own is not None
    inputs = [
        rw.op("Cast", value, to=int(wide)) if value is not None and value.dtype == own else value
        for value in node.inputs
    ]
    results = rw.restate(node, inputs)
    return [
        rw.op("Cast", new, to=int(own)) if index in outputs and used(node.outputs[index]) else new
        for index, new in enumerate(results)
    ]


def _small_through(wide: ir.DataType) -> Callable[[ir.Node, Converter], Answer]:
    def build(node: ir.Node, rw: Converter) -> Answer:
        own = rw.dtype(node.inputs[0])
        if own not in _SMALL:
            return None
        if own == _T.UINT16 and node.op_type == "Mul":
            return _through(node, _T.INT64, rw)  # a product needs all 32 bits, unsigned
        return _through(node, wide, rw)

    return build


DOWN.for_types("Add", "Sub", "Mul", "Div", exact=True)(_small_through(_T.INT32))
DOWN.for_types("MaxPool", exact=True)(_small_through(_T.FLOAT))


@DOWN.for_types("ReduceMax", "ReduceMin", exact=True)
def _extreme(node: ir.Node, rw: Converter) -> Answer:
    if rw.dtype(node.inputs[0]) in (*_SMALL, _T.BOOL):
        return _through(node, _T.INT32, rw)
    return None


@DOWN.for_types("Relu", exact=True)
def _relu(node: ir.Node, rw: Converter) -> Answer:
    dtype = rw.dtype(node.inputs[0])
    if dtype not in _INTEGERS:
        return None
    return rw.op("Max", node.inputs[0], number(0, dtype, rw))


@DOWN.for_types("Max", "Min", exact=True)
def _pairwise(node: ir.Node, rw: Converter) -> Answer:
    own = rw.dtype(node.inputs[0])
    if own not in _INTEGERS:
        return None
    values, back = _comparable([v for v in node.inputs if v is not None], own, rw)
    result = values[0]
    for value in values[1:]:
        result = _pick("Greater" if node.op_type == "Max" else "Less", result, value, rw)
    return rw.op("Identity", result) if result is node.inputs[0] else back(result)


@DOWN.for_types("Clip", exact=True)
def _clip(node: ir.Node, rw: Converter) -> Answer:
    own = rw.dtype(node.inputs[0])
    if own not in _INTEGERS:
        return None
    (result,), back = _comparable([given(node)], own, rw)
    for sign, limit in zip(("Greater", "Less"), node.inputs[1:], strict=False):
        if limit is not None:
            ((wide,), _) = _comparable([limit], own, rw)
            result = _pick(sign, result, wide, rw)
    return rw.op("Identity", result) if result is node.inputs[0] else back(result)


def _comparable(
    values: list[ir.Value], own: ir.DataType, rw: Converter
) -> tuple[list[ir.Value], Callable[[ir.Value], ir.Value]]:
    """The values as int32 or int64, and the way back."""
    if own in (_T.INT32, _T.INT64):
        return values, lambda value: value
    wide = int(_T.INT64 if own == _T.UINT32 else _T.INT32)
    return [rw.op("Cast", value, to=wide) for value in values], lambda value: rw.op(
        "Cast", value, to=int(own)
    )


def _pick(comparison: str, one: ir.Value, other: ir.Value, rw: Converter) -> ir.Value:
    return rw.op("Where", rw.op(comparison, one, other), one, other)


@DOWN.for_types("Pow")
def _power(node: ir.Node, rw: Converter) -> Answer:
    """Before 12 base and exponent have one type, a float."""
    base, exponent = node.inputs
    own, other = rw.dtype(base), rw.dtype(exponent)
    if own in (_T.FLOAT, _T.DOUBLE):
        return rw.restate(node, [base, rw.op("Cast", exponent, to=int(own))])
    if own == _T.FLOAT16 and other is not None:
        wide = [rw.op("Cast", value, to=int(_T.FLOAT)) for value in node.inputs]
        return rw.op("Cast", rw.op("Pow", *wide), to=int(own))
    if own == _T.INT32:
        wide = [rw.op("Cast", value, to=int(_T.DOUBLE)) for value in node.inputs]
        return rw.op("Cast", rw.op("Pow", *wide), to=int(own))
    count = rw.scalar(exponent)
    if own == _T.INT64 and count in (2, 3):
        square = rw.op("Mul", base, base)
        return square if count == 2 else rw.op("Mul", square, base)
    return Skip("a Pow of 64-bit integers is not exact in float64, and its exponent is not 2 or 3")


@DOWN.for_types("CumSum", "IsInf")
def _half(node: ir.Node, rw: Converter) -> Answer:
    if rw.dtype(node.inputs[0]) != _T.FLOAT16:
        return None
    return _through(node, _T.FLOAT, rw, outputs=() if node.op_type == "IsInf" else (0,))


@DOWN.for_types("Pad", exact=True)
def _pad(node: ir.Node, rw: Converter) -> Answer:
    if rw.dtype(node.inputs[0]) != _T.BOOL:
        return None
    return _through(node, _T.INT32, rw)

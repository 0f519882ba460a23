"""Operators over values and known arrays: what is known is computed now, the rest in the graph."""

from collections.abc import Callable, Sequence

import numpy as np
import onnx_ir as ir

from graphfix.rewrite import Rewriter

Number = np.ndarray | ir.Value
"""A tensor: an array when it is known while rewriting, a value of the graph otherwise."""


def _reshape(data: np.ndarray, shape: np.ndarray) -> np.ndarray:
    return data.reshape([data.shape[i] if d == 0 else int(d) for i, d in enumerate(shape)])


def _range(start: np.ndarray, limit: np.ndarray, delta: np.ndarray) -> np.ndarray:
    return np.arange(int(start), int(limit), int(delta), dtype=start.dtype)


_FOLD: dict[str, Callable[..., np.ndarray]] = {
    "Abs": np.abs,
    "Add": np.add,
    "Cast": lambda data, to: data.astype(ir.DataType(to).numpy()),
    "Concat": lambda *parts, axis: np.concatenate(parts, axis),
    "Div": np.divide,
    "Floor": np.floor,
    "Gather": lambda data, indices, axis=0: np.take(data, indices, axis),
    "Greater": np.greater,
    "Less": np.less,
    "Max": np.maximum,
    "Min": np.minimum,
    "Mul": np.multiply,
    "Range": _range,
    "Reshape": _reshape,
    "Round": np.rint,
    "Sub": np.subtract,
    "Transpose": lambda data, perm: data.transpose(perm),
    "Where": np.where,
}


class Fold:
    """Emits standard operators through a :class:`Rewriter`, or evaluates them at once.

    The operators are those whose form and meaning are the same from opset 11 to 22, for the types
    used with them; numpy and the runtime round the same way in each of them.
    """

    def __init__(self, rw: Rewriter) -> None:
        self.rw = rw

    def __call__(
        self, op_type: str, *operands: Number, **attributes: int | Sequence[int]
    ) -> Number:
        """The result of an operator: an array if every operand is one, else a new value."""
        arrays = [operand for operand in operands if isinstance(operand, np.ndarray)]
        if len(arrays) == len(operands) and op_type in _FOLD:
            return np.asarray(_FOLD[op_type](*arrays, **attributes))
        inputs = (self.value(operand) for operand in operands)
        return self.rw.op(op_type, *inputs, domain="", **attributes)

    def value(self, number: Number) -> ir.Value:
        """The tensor as a value of the graph."""
        return number if isinstance(number, ir.Value) else self.rw.const(number)

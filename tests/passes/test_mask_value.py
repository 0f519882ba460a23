"""The mask-value pass on random masks."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix_passes.mask_value import MaskValue
from tests.passes.random_graphs import Grower, hold

_LOW = (-np.inf, -1e9, -7e4)


def masks(grow: Grower) -> Sequence[ir.Value]:
    shape = grow.shape(min_rank=1, max_rank=3)
    dtype = grow.one_of(np.float32, np.float32, np.float64, np.float16)
    value = grow.unary(grow.input(shape, dtype))
    axis = grow.number(0, len(shape) - 1)
    low = -np.inf if dtype is np.float16 else grow.one_of(*_LOW)
    sizes = shape[grow.number(0, len(shape) - 1) :]
    masked = np.array([grow.chance(40) for _ in range(int(np.prod(sizes)))]).reshape(sizes)
    if grow.opset >= 9 and grow.chance(40):
        choice = [grow.const(low, dtype), value]
        made = grow.op("Where", grow.const(masked, np.bool_), *choice)
    elif dtype is not np.float16 and grow.chance(30):
        factor = grow.op("Cast", grow.const(masked, np.bool_), to=int(_onnx_type(dtype)))
        made = grow.op("Add", value, grow.op("Mul", factor, grow.const(-1e9, dtype)))
    else:
        low_or_not = np.where(masked, low, grow.one_of(0.0, 1.0, -2000.0))
        pair = [value, grow.const(low_or_not, dtype)]
        made = grow.op("Add", *grow.one_of(pair, pair[::-1]))
    return [grow.op("Softmax", grow.maybe_shared(made), axis=axis)]


def _onnx_type(dtype: object) -> ir.DataType:
    return ir.DataType.from_numpy(np.dtype(dtype))  # type: ignore[call-overload] # a scalar type


def test_whatever_is_masked() -> None:
    hold(MaskValue(), masks, examples=80, least=0.1)

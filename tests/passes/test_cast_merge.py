"""The cast-merge pass on random rows of Casts."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from graphfix_passes.cast_merge import CastMerge
from tests.passes.random_graphs import Grower, hold

TYPES = (
    np.bool_, np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32,
    np.float16, np.float32, np.float64,
)  # fmt: skip


def rows(grow: Grower) -> Sequence[ir.Value]:
    dtype: np.dtype[Any] = np.dtype(grow.one_of(*TYPES))
    value = grow.feed(_numbers(dtype, grow))
    floats = dtype.kind == "f"
    for _ in range(grow.number(2, 4)):
        # What a float makes of an integer type that cannot hold it is not defined.
        wanted: np.dtype[Any] = np.dtype(
            grow.one_of(*TYPES[-3:]) if floats else grow.one_of(*TYPES)
        )
        floats = wanted.kind == "f"
        to = int(ir.DataType.from_numpy(wanted))
        value = grow.maybe_shared(grow.op("Cast", value, to=to))
    return [value]


def _numbers(dtype: np.dtype[Any], grow: Grower) -> np.ndarray:
    """The ends of a type, and numbers that a narrower one has to round."""
    if dtype.kind == "b":
        return np.array([True, False])
    if dtype.kind == "f":
        return np.array([0.0, -0.0, 1 / 3, -65519.0, np.inf, np.nan, 1e-7]).astype(dtype)
    limits = np.iinfo(dtype)
    return np.array([limits.min, limits.max, limits.max - 1, 0, 1, limits.max // 3], dtype)


def test_whatever_is_cast() -> None:
    hold(CastMerge(), rows, least=0.3)

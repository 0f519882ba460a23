"""Small tensors whose elements are sizes."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
import onnx_ir as ir

from graphfix.rewrite.symbolic.size import (
    Number,
    Poly,
    Undecided,
    largest,
)

MOST_ELEMENTS = 4096
"""Longer tensors are data, not sizes."""

FLOATS = {ir.DataType.FLOAT16: 11, ir.DataType.FLOAT: 24, ir.DataType.DOUBLE: 53}
"""Integers up to 2**bits are exact (IEEE 754: the significand with its hidden bit)."""
INTEGERS = (ir.DataType.INT64, ir.DataType.INT32)
FOLLOWED = frozenset({*INTEGERS, *FLOATS, ir.DataType.BOOL})
"""The element types that are followed."""


@dataclass(frozen=True, eq=False)
class Known:
    """A small tensor whose elements are known, if only as expressions over sizes.

    ``data`` is an array of objects in the tensor's shape: ``bool``, ``int``, ``Fraction``,
    :class:`Poly`, or ``None`` for an element about which nothing is known. A float is here only if
    the runtime computes it without rounding at every size, or if it is the same rounded number at
    every size.
    """

    data: np.ndarray
    dtype: ir.DataType

    @cached_property
    def constant(self) -> np.ndarray | None:
        """The tensor, if it is the same for all sizes."""
        if any(item is None or isinstance(item, Poly) for item in self.data.flat):
            return None
        numbers = [float(x) if isinstance(x, Fraction) else x for x in self.data.flat]
        return np.array(numbers, self.dtype.numpy()).reshape(self.data.shape)

    @property
    def sizes(self) -> tuple[Number | None, ...]:
        """The elements in order."""
        return tuple(self.data.flat)


Maybe = Known | None


def known(
    items: Sequence[Any],
    dtype: ir.DataType = ir.DataType.INT64,
    shape: tuple[int, ...] | None = None,
) -> Known:
    """A tensor of these elements; without ``shape`` a vector."""
    data = np.fromiter(items, object, len(items))
    return Known(data if shape is None else data.reshape(shape), dtype)


def from_array(array: np.ndarray, dtype: ir.DataType) -> Maybe:
    """A constant tensor; ``None`` if it is long or holds NaN, infinity or -0.0, no fractions."""
    if array.size > MOST_ELEMENTS or dtype not in FOLLOWED:
        return None
    if array.dtype.kind == "f":
        minus_zero = np.signbit(array) & (array == 0)
        if minus_zero.any() or not np.isfinite(array).all():
            return None
        items = array.reshape(-1).tolist()
        return known([_plain(Fraction(x)) for x in items], dtype, array.shape)
    return Known(array.astype(object), dtype)


def held(x: Number | None, dtype: ir.DataType) -> Number | None:
    """``x`` as the runtime holds it in ``dtype``; ``None`` when that is not sure."""
    try:
        return x if x is None else _fitting(x, dtype)
    except Undecided:
        return None


def _fitting(x: Number, dtype: ir.DataType) -> Number:
    if dtype in INTEGERS:
        low, high = (-(2**31), 2**31) if dtype == ir.DataType.INT32 else (-(2**63), 2**63)
        # A size that does not fit its integer is no size: polynomials are taken to fit.
        if not isinstance(x, Poly) and not low <= x < high:
            raise Undecided(f"{x} does not fit {dtype}")
        return x
    if dtype not in FLOATS:
        return x
    if not isinstance(x, Poly):
        if x == 0:
            raise Undecided("a fraction does not tell 0.0 from -0.0")
        # One rounding to float64 on the way to a narrower type does not change the second one.
        with np.errstate(over="ignore"):
            rounded = dtype.numpy().type(float(x))
        if not np.isfinite(rounded) or rounded == 0:
            raise Undecided(f"{x} does not fit {dtype}")
        return _plain(Fraction(float(rounded)))
    scale = max(factor.denominator for factor in x.terms.values())
    if scale & (scale - 1) or largest(x) * scale > 2 ** FLOATS[dtype]:
        raise Undecided(f"{x} may be rounded")
    return x


def _plain(x: Fraction) -> Number:
    return x.numerator if x.denominator == 1 else x

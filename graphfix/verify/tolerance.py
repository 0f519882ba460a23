"""How far two results of one computation may lie apart, by dtype and contract.

Reordered arithmetic makes rounding errors of its own. A sum of n products has an error of about
``sqrt(n) * eps`` times the size of its terms (Higham, *Accuracy and Stability of Numerical
Algorithms*, section 4.6 for the statistical bound; the proven one has n for its root), and through
L layers errors of equal size grow like ``sqrt(L)``.

* float32 and float64: the longest usual sums have n = 4096 terms, sqrt(4096) = 64.
* float16, bfloat16 and narrower: CPU kernels add up in float32 and round each operator's result
  once, so only layers count; 64 of them give sqrt(64) = 8.

Hence ``rtol = factor * eps`` with factor 64 or 8. Near zero a relative bound is empty, as the error
of a sum follows its terms and not its result; ``atol = rtol * scale`` takes the root mean square of
the tensor as the size of the terms.

========  ========  ======  =========
dtype     eps       factor  rtol
========  ========  ======  =========
float64   2.22e-16  64      1.42e-14
float32   1.19e-07  64      7.63e-06
float16   9.77e-04  8       7.81e-03
bfloat16  7.81e-03  8       6.25e-02
========  ========  ======  =========

On constant inputs (all zero, all one) the terms of a sum tend to be equal, their rounding errors
have one sign, and the error grows like n instead of its root: there the factor is squared. (A
global average over 96 x 96 equal numbers was measured 190 eps off in one order of summation.)

A model that is worse conditioned than that is given its measured noise on top; see
``graphfix.verify.noise``.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir

from graphfix.contract import Approximate, Array, Close, Contract, Exact, Interface, Replaces
from graphfix.rewrite import constant_tensor
from graphfix.verify.dtypes import epsilon, is_inexact

FACTOR_WIDE = 64.0
FACTOR_NARROW = 8.0

OWN_ROUNDING = 2.0
"""A contract's own ``rtol`` is never taken below this many ``eps`` of the dtype: two different
orders of rounding cannot promise less."""

FILL_VALUE = 1e8
"""Finite numbers from here on (mask fills, sentinels) do not count for a tensor's magnitude."""


@dataclass(frozen=True)
class Tolerance:
    """``|after - before| <= rtol * |before| + atol``, or a cosine, or (all ``None``) exact."""

    rtol: float | None = None
    atol: float | None = None
    """``None`` with an ``rtol`` means ``rtol * scale``."""
    cosine: float | None = None
    relative: float | None = None
    """With a cosine: the largest relative error in the 2-norm; ``None`` sets no limit."""
    scale_of_zeros: float = 0.0
    """Magnitude to assume of a tensor that is all zero: what it is on other feeds."""
    user_rtol: float | None = None
    """The user's limit, which neither a contract nor noise exceeds."""
    user_atol: float | None = None

    @property
    def exact(self) -> bool:
        """Whether nothing may differ."""
        return self.rtol is None and self.cosine is None

    def allowed(self, before: Array) -> Array:
        """The largest |difference| for each element of ``before`` (float64 or complex128)."""
        if self.rtol is None:
            return np.zeros(before.shape)
        limit: Array = np.minimum(self._limit(before, self.rtol, self.atol), self.ceiling(before))
        return limit

    def ceiling(self, before: Array) -> Array:
        """What the user allows at most, element by element; infinite where they said nothing."""
        if self.user_rtol is None and self.user_atol is None:
            return np.full(before.shape, np.inf)
        rtol = self.user_rtol if self.user_rtol is not None else self.rtol or 0.0
        return self._limit(before, rtol, self.user_atol)

    def _limit(self, before: Array, rtol: float, atol: float | None) -> Array:
        size = np.abs(before)
        if atol is None:
            atol = rtol * (scale(before) or self.scale_of_zeros)
        limit: Array = rtol * np.where(np.isfinite(size), size, 0.0) + atol
        return limit


def default_rtol(dtype: np.dtype[Any]) -> float:
    """The relative tolerance of reordered arithmetic in ``dtype``; the table in the module."""
    return epsilon(dtype) * _factor(epsilon(dtype))


def _factor(eps: float) -> float:
    return FACTOR_WIDE if eps < 1e-6 else FACTOR_NARROW


def scale(values: Array) -> float:
    """Root mean square of the finite numbers, without fill values."""
    size = np.abs(values).reshape(-1)
    size = size[np.isfinite(size)]
    usual = size[size < FILL_VALUE]
    usual = usual if usual.size else size
    if not usual.size:
        return 0.0
    peak = float(usual.max())
    return peak * float(np.sqrt(np.mean((usual / peak) ** 2))) if peak > 0 else 0.0


def tolerance(
    contracts: Iterable[Contract],
    dtype: np.dtype[Any],
    *,
    arithmetic: np.dtype[Any] | None = None,
    constant: bool = False,
    rtol: float | None = None,
    atol: float | None = None,
) -> Tolerance:
    """What the weakest of ``contracts`` allows for a tensor of ``dtype``.

    ``arithmetic`` is the coarsest float the model computes in, when that is not ``dtype``.
    ``constant`` says that the inputs are constant, so that rounding errors do not cancel. ``rtol``
    and ``atol`` are the user's and only tighten.
    """
    found = [base(contract) for contract in contracts]
    rough = [c for c in found if isinstance(c, Approximate)]
    if rough:
        limits = [c.relative for c in rough if c.relative is not None]
        relative = max(limits) if len(limits) == len(rough) else None
        return Tolerance(cosine=min(c.cosine for c in rough), relative=relative)
    closes = [c for c in found if isinstance(c, Close)]
    if not closes or not is_inexact(dtype):
        return Tolerance()
    work = dtype
    if arithmetic is not None and epsilon(arithmetic) > epsilon(dtype):
        work = arithmetic
    default = default_rtol(work)
    floor = OWN_ROUNDING * epsilon(work)
    relative = max(default if c.rtol is None else max(c.rtol, floor) for c in closes)
    if constant:
        relative *= _factor(epsilon(work))
    own = [c.atol for c in closes if c.atol is not None]
    absolute = max(own) if len(own) == len(closes) else None
    return Tolerance(relative, absolute, user_rtol=rtol, user_atol=atol)


def base(contract: Contract) -> Contract:
    """The contract that says how numbers compare: ``Interface`` and ``Replaces`` carry one."""
    while isinstance(contract, (Interface, Replaces)):
        contract = contract.base
    return contract


def weakest_label(contracts: Sequence[Contract]) -> str:
    """How reports name the contract of a whole pipeline."""
    found = [base(contract) for contract in contracts]
    if not found:
        return Exact().label

    def rank(contract: Contract) -> tuple[int, float]:
        if isinstance(contract, Approximate):
            return 2, -contract.cosine
        if isinstance(contract, Close):
            return 1, default_rtol(np.dtype("float32")) if contract.rtol is None else contract.rtol
        return 0, 0.0

    return max(found, key=rank).label


def arithmetic(model: ir.Model) -> np.dtype[Any] | None:
    """The coarsest float narrower than 32 bits that ``model`` computes in, if any.

    Such numbers enter as inputs or through a Cast of something computed; weights that are merely
    stored in half precision and cast before use do not count.
    """
    found: np.dtype[Any] | None = None
    for value in model.graph.inputs:
        if value.dtype is not None and not value.is_initializer():
            found = coarser(found, _narrow(value.dtype))
    for node in model.graph.all_nodes():
        to = node.attributes.get("to") if node.op_type == "Cast" else None
        if to is not None and not to.is_ref() and constant_tensor(node.inputs[0]) is None:
            found = coarser(found, _narrow(ir.DataType(to.as_int())))
    return found


def coarser(a: np.dtype[Any] | None, b: np.dtype[Any] | None) -> np.dtype[Any] | None:
    """The one with the larger epsilon; ``None`` stands for float32 or better."""
    if a is None or b is None:
        return b if a is None else a
    return a if epsilon(a) >= epsilon(b) else b


def _narrow(dtype: ir.DataType) -> np.dtype[Any] | None:
    if not dtype.name.startswith(("FLOAT16", "BFLOAT16", "FLOAT8", "FLOAT4")):
        return None
    return np.dtype(dtype.numpy())

"""How much rounding alone moves the outputs of a model: the noise a comparison cannot see below.

Every float input is moved by one ulp, up or down at random, and the model run again. What the
outputs do then is what any reordering inside the model may do to them too. A contract that allows
an error of ``rtol`` allows ``rtol / eps`` times as much.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import onnx_ir as ir

from graphfix.contract import Array
from graphfix.verify.dtypes import double, epsilon, is_inexact
from graphfix.verify.evaluate import Evaluation, evaluate
from graphfix.verify.feeds import FeedSet
from graphfix.verify.tolerance import Tolerance

RUNS = 3
"""Perturbed runs per feed set."""

RAISE_AT_MOST = 256.0
"""Noise raises what is allowed to this multiple of the usual tolerance at most (2e-3 of the
tensor's magnitude in float32); beyond, a model is too ill-conditioned to tell right from wrong."""


def noisy_runs(
    model: ir.Model, feeds: Sequence[FeedSet], extra: Sequence[str] = ()
) -> tuple[Evaluation, ...]:
    """``RUNS`` evaluations of ``model`` with every float input moved by one ulp."""
    moved = [replace(f, feed=_moved(f, seed)) for seed in range(RUNS) for f in feeds]
    every = evaluate(model, moved, extra=extra)
    count = len(feeds)
    return tuple(replace(every, runs=every.runs[k * count : (k + 1) * count]) for k in range(RUNS))


def noise_floor(before: Any, moved: Sequence[Any], allowed: Tolerance) -> Array | None:
    """What rounding noise adds to ``allowed``, element by element; ``None`` when not measurable."""
    if not isinstance(before, np.ndarray) or allowed.rtol is None or not is_inexact(before.dtype):
        return None
    if before.size == 0 or any(getattr(m, "shape", None) != before.shape for m in moved):
        return None
    usual = double(before)
    with np.errstate(invalid="ignore", over="ignore"):
        gaps = np.stack([np.abs(double(m) - usual) for m in moved])
    gaps = np.where(np.isfinite(gaps), gaps, 0.0)
    largest = gaps.max(axis=0)
    typical = np.sqrt(np.mean(np.square(np.minimum(largest, allowed.allowed(usual)))))
    noise = np.maximum(largest, typical) * (allowed.rtol / epsilon(before.dtype))
    return np.asarray(np.minimum(noise, (RAISE_AT_MOST - 1) * allowed.allowed(usual)))


def _moved(feeds: FeedSet, seed: int) -> dict[str, Any]:
    rng = np.random.default_rng([seed, 0x0115E])
    return {name: _move(value, rng) for name, value in feeds.feed.items()}


def _move(value: Any, rng: np.random.Generator) -> Any:
    if not isinstance(value, np.ndarray) or not is_inexact(value.dtype):
        return value
    if value.dtype.kind == "c":
        return _move(value.real, rng) + 1j * _move(value.imag, rng)
    if value.dtype.kind == "f":
        towards = np.where(rng.random(value.shape) < 0.5, -np.inf, np.inf).astype(value.dtype)
        moved: Array = np.nextafter(value, towards)
        # next to zero an ulp is a denormal, which says nothing about rounding of usual numbers
        return np.where(value == 0, value, moved)
    eps = epsilon(value.dtype)
    factor = np.where(rng.random(value.shape) < 0.5, 1 - eps, 1 + eps)
    return (value.astype(np.float64) * factor).astype(value.dtype)

"""Do the feeds reach a site? If its outputs never change, they prove little: try other values."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from graphfix.verify.dtypes import double, is_inexact
from graphfix.verify.feeds import FeedSet
from graphfix.verify.tolerance import scale

SEEDS = 3
"""Sets of made-up values for a site that the feeds do not exercise."""

Column = Sequence[Any]


def idle(outputs: Mapping[str, Column], inputs: Mapping[str, Column]) -> str:
    """Why the outputs of a site say little about it; empty when at least one of them says enough.

    Only float outputs of sites that read something are judged: shapes that never change are usual.
    """
    columns = [column for column in outputs.values() if _is_float(column)]
    if not columns or not inputs or len(columns) < len(outputs):
        return ""
    reasons = [_idle(column) for column in columns]
    return reasons[0] if all(reasons) else ""


def synthetic(
    inputs: Mapping[str, Column], feeds: Sequence[FeedSet], seed: int
) -> tuple[FeedSet, ...]:
    """Made-up values for what a site reads: signed normal numbers of the size of the seen ones.

    Numbers never seen below zero stay above it; integers and bools that change from feed to feed
    are permuted, others (shapes, axes) stay.
    """
    rng = np.random.default_rng([seed, 0x517E])
    made = []
    for k in range(SEEDS):
        at = k % len(feeds)
        arrays = {name: _like(column, at, rng) for name, column in inputs.items()}
        made.append(FeedSet(f"synthetic values {k}", arrays))
    return tuple(made)


def at_site(feed: FeedSet, arrays: Mapping[str, Any]) -> FeedSet:
    """The feed set of a site: the values around it instead of the model's inputs."""
    return replace(feed, feed=arrays)


def _is_float(column: Column) -> bool:
    return all(isinstance(array, np.ndarray) and is_inexact(array.dtype) for array in column)


def _idle(column: Column) -> str:
    if all(array.size == 0 for array in column):
        return "is empty on every feed"
    if any(_varies(array) for array in column) and _reacts(column):
        return ""
    if all(bool((array != array).all()) for array in column):
        return "is NaN on every feed"
    if all(not array.any() for array in column):
        return "is zero on every feed"
    if not _reacts(column):
        return "is the same on every feed"
    if len(column) == 1 or all(array.size == 1 for array in column):
        return ""
    return "holds one number, or two at its ends, on every feed"


def _varies(array: Any) -> bool:
    """Whether there are numbers besides the smallest and the largest."""
    if array.size < 8:
        return bool(array.size)
    flat = array.reshape(-1)
    if flat.dtype.kind != "f":
        flat = double(flat)
    inside = (flat != flat.min()) & (flat != flat.max())
    return bool(inside.any())


def _reacts(column: Column) -> bool:
    first = column[0]
    same_shape = [array for array in column[1:] if array.shape == first.shape]
    if not same_shape:
        return len({array.shape for array in column}) > 1 or len(column) == 1
    return any(array.tobytes() != first.tobytes() for array in same_shape)


def _like(column: Column, at: int, rng: np.random.Generator) -> Any:
    array = column[at]
    if not isinstance(array, np.ndarray) or array.dtype.kind in "OUS" or array.size == 0:
        return array
    if not is_inexact(array.dtype):
        if _reacts(column) and len(column) > 1:
            return rng.permutation(array.reshape(-1)).reshape(array.shape)
        return array
    seen = np.concatenate([double(each).reshape(-1) for each in column])
    seen = seen[np.isfinite(seen)]
    size = scale(seen) if seen.size else 0.0
    normal = np.asarray(rng.standard_normal(array.shape))
    values = normal * (size if 1e-6 < size < 1e6 else 1.0)
    if seen.size and seen.min() >= 0 and seen.max() > 0:
        values = np.abs(values)
    return np.asarray(values).astype(array.dtype)

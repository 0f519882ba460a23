"""Seeded feeds: arrays for the inputs of a model that can tell a wrong rewrite from a right one.

Uniform numbers in [0, 1) do not notice a dropped Relu or Abs, so the ordinary feed is signed. The
variants reach what it does not: saturation and overflow, tiny numbers, exact zeros and ones, and
(``wide``) what lies between: a softmax of N(0, 100) has no probability of one percent.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphfix.contract import Array
from graphfix.spec import Binding, Fixed
from graphfix.verify.dtypes import integer_range, is_inexact, largest, numpy_dtype
from graphfix.verify.inputs import ModelInput

Feed = Mapping[str, Any]
"""Input name to array, or to a list of arrays for a sequence input."""

VARIANTS = ("normal", "large", "zeros", "ones", "small", "wide")
"""The kinds of feeds every model gets; see :func:`make_feed`."""

EXTRA_VARIANTS = ("uniform", "positive")
"""Kinds that are tried when an output does not react to the others."""


@dataclass(frozen=True)
class FeedSet:
    """The arrays of one run, and how they came about."""

    label: str
    """Such as ``N=4 normal seed=0`` or the file they were read from."""
    feed: Feed
    extreme: bool = False
    """Whether free integers go to the ends of their dtype, which an ``InRange`` pass may refuse."""


def plan(bindings: Sequence[Binding], seed: int) -> tuple[tuple[Binding, str, int], ...]:
    """Spread the variants over the bindings: some seven runs, every binding with signed numbers."""
    first = bindings[0]
    jobs = [(binding, "normal", seed + k) for k, binding in enumerate(bindings)]
    if len(bindings) == 1:
        jobs.append((first, "normal", seed + 1))
    last = bindings[-1]
    others = [last, first, bindings[min(1, len(bindings) - 1)], first, last]
    jobs += [
        (binding, variant, seed) for binding, variant in zip(others, VARIANTS[1:], strict=True)
    ]
    return tuple(jobs)


def make_feed(inputs: Sequence[ModelInput], binding: Binding, variant: str, seed: int) -> FeedSet:
    """Make one array per input.

    Floats: ``normal`` is N(0, 1), ``large`` N(0, 100), ``small`` N(0, 0.001), ``wide`` a mixture of
    magnitudes from 1e-3 to 1e3 and of exact zeros, ``uniform`` is in [0, 1), ``positive`` in
    [0.5, 4). An input with a range is uniform in it, ends included; ``large`` takes only the ends.
    Free integers are in [-8, 8], and anywhere in their dtype for ``large``. A single bool, which
    may choose a branch, changes with every seed, and is another for ``wide`` than for ``large``.
    Every input has a random stream of its own,
    so that adding one does not change the others.
    """
    feed: dict[str, Any] = {}
    extreme = False
    for item in inputs:
        own = zlib.crc32(item.spec.name.encode())
        rng = np.random.default_rng([seed, own])
        shape = binding.shapes[item.spec.name]
        feed[item.spec.name] = _array(
            item, shape, binding.dims, variant, rng, (seed + own) % 2 == 0
        )
        extreme = extreme or (variant == "large" and _is_free_integer(item))
    return FeedSet(f"{binding.label} {variant} seed={seed}", feed, extreme)


def is_constant(feeds: FeedSet) -> bool:
    """Whether every float input holds one number only (and there is one of more than one element).

    Rounding errors of equal terms do not cancel, see ``graphfix.verify.tolerance``.
    """
    floats = [
        array
        for array in feeds.feed.values()
        if isinstance(array, np.ndarray) and is_inexact(array.dtype) and array.size > 1
    ]
    return bool(floats) and all(bool((array == array.flat[0]).all()) for array in floats)


_WORDS = ("", "a", "Gradient", "zwölf", "0", "-1.5", "two words", "ß日本")


def _array(
    item: ModelInput,
    shape: Fixed,
    dims: Mapping[str, int],
    variant: str,
    rng: np.random.Generator,
    even: bool,
) -> Array:
    spec = item.spec
    assert spec.dtype is not None
    dtype = numpy_dtype(spec.dtype)
    if item.fixed is not None:
        return np.resize(np.asarray(item.fixed), shape).astype(dtype)
    if spec.values is not None:
        return rng.choice(np.asarray(spec.values), shape).astype(dtype)
    if spec.dtype == "string":
        words: Array = rng.choice(np.asarray(_WORDS, dtype=object), shape)
        return words.astype(object)
    if spec.dtype == "bool":
        if variant in ("normal", "large", "wide") and np.prod(shape) <= 1:
            return np.full(shape, even != (variant == "wide"))
        bits = {"zeros": 0.0, "ones": 1.0}.get(variant, 0.5)
        return np.asarray(rng.random(shape) < bits)
    if spec.dtype.startswith("complex"):
        real, imaginary = _signed(shape, variant, rng), _signed(shape, variant, rng)
        return (real + 1j * imaginary).astype(dtype)
    low, high = _limits(item, dims)
    if "int" in spec.dtype:
        return _integers(shape, low, high, variant, item.shapes_graph, dtype, rng)
    if low is not None or high is not None:
        floats = _ranged(shape, low, high, variant, rng)
        return (np.rint(floats) if item.at_most else floats).astype(dtype)
    return _to_float(_signed(shape, variant, rng), dtype)


def _limits(item: ModelInput, dims: Mapping[str, int]) -> tuple[float | None, float | None]:
    """The smallest and largest value once the dims are bound."""
    sizes = [
        (dims.get(dim) if isinstance(dim, str) else dim, offset) for dim, offset in item.at_most
    ]
    known = [size + offset for size, offset in sizes if size is not None]
    if len(known) < len(sizes):
        known.append(0)  # a table of unknown size has at least one row
    low, high = item.spec.low, item.spec.high
    if known:
        low = 0 if low is None else low
        high = max(min([*known, *([] if high is None else [high])]), low)
    return low, high


def _is_free_integer(item: ModelInput) -> bool:
    spec = item.spec
    return (
        spec.dtype is not None
        and "int" in spec.dtype
        and spec.low is None
        and spec.high is None
        and spec.values is None
        and not (item.at_most or item.shapes_graph or item.fixed)
    )


def _integers(
    shape: Fixed,
    low: float | None,
    high: float | None,
    variant: str,
    shapes_graph: bool,
    dtype: np.dtype[Any],
    rng: np.random.Generator,
) -> Array:
    least, most = integer_range(dtype)
    if low is None and high is None:
        everything = variant == "large" and not shapes_graph
        low, high = (least, most) if everything else (-8, 8)
        if shapes_graph:
            low, high = 1, 4
        elif most <= 255 and least >= -128 and variant == "normal":
            low, high = least, most  # bytes are pictures or quantised numbers
    first = max(least, int(low if low is not None else least))
    last = min(most, int(high if high is not None else most))
    if variant in ("zeros", "ones") and first <= (wanted := int(variant == "ones")) <= last:
        return np.full(shape, wanted).astype(dtype)
    wide = np.uint64 if last > np.iinfo(np.int64).max else np.int64
    return rng.integers(first, last, shape, dtype=wide, endpoint=True).astype(dtype)


def _ranged(
    shape: Fixed, low: float | None, high: float | None, variant: str, rng: np.random.Generator
) -> Array:
    if low is None:
        low = min(-1.0, (high or 0.0) - 1.0)
    if high is None:
        high = max(1.0, low + 1.0)
    if variant in ("zeros", "ones") and low <= (wanted := float(variant == "ones")) <= high:
        return np.full(shape, wanted)
    if variant == "large":
        return np.where(rng.random(shape) < 0.5, low, high)
    values = rng.uniform(low, high, shape)
    flat = values.reshape(-1)
    if flat.size > 4:
        ends = rng.choice(flat.size, 2, replace=False)
        flat[ends] = low, high
    return flat.reshape(shape)


def _signed(shape: Fixed, variant: str, rng: np.random.Generator) -> Array:
    if variant == "zeros":
        return np.zeros(shape)
    if variant == "ones":
        return np.ones(shape)
    if variant == "uniform":
        return rng.random(shape)
    if variant == "positive":
        return rng.uniform(0.5, 4.0, shape)
    values = rng.standard_normal(shape)
    if variant == "wide":
        values = values * 10.0 ** rng.uniform(-3, 3, shape)
        return np.where(rng.random(shape) < 0.125, 0.0, values)
    return values * {"large": 100.0, "small": 1e-3}.get(variant, 1.0)


def _to_float(values: Array, dtype: np.dtype[Any]) -> Array:
    """Round to ``dtype``, staying inside its finite range (float8 ends at 448)."""
    limit = largest(dtype)
    return np.asarray(np.clip(values, -limit, limit).astype(dtype))

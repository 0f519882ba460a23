"""Interface changes: which value before each output and input after stands for, and its feeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx_ir as ir

from graphfix.contract import Array, Interface, Substitution
from graphfix.runners.onnxruntime import NotRunnable, Session
from graphfix.spec import Binding, bindings
from graphfix.verify.dtypes import (
    dtype_name,
    integer_range,
    is_inexact,
    is_integer,
    largest,
    numpy_dtype,
)
from graphfix.verify.feeds import FeedSet, make_feed, plan
from graphfix.verify.inputs import ModelInput, model_inputs


@dataclass(frozen=True)
class InterfaceMap:
    """Names after to names before."""

    outputs: Mapping[str, str]
    inputs: Mapping[str, str]
    derived: tuple[Substitution, ...] = ()
    """Outputs that are made of several values before."""


def interface_map(contract: Interface, before: ir.Model, after: ir.Model) -> InterfaceMap | str:
    """Resolve ``contract`` against the two models, or say what it leaves unexplained."""
    known = {value.name for value in before.graph.inputs}
    known |= {value.name for value in before.graph.initializers.values()}
    known |= {out.name for node in before.graph for out in node.outputs}
    outputs: dict[str, str] = {}
    derived = {place.output: place for place in contract.derived}
    for value in after.graph.outputs:
        name = value.name or ""
        if name in derived:
            lost = [source for source in derived[name].inputs if source not in known]
            if lost:
                return f"output {name!r} is said to be made of {lost[0]!r}, which is not there"
            continue
        source = contract.outputs.get(name, name)
        if source not in known:
            return (
                f"output {name!r} is said to be {source!r} of the model before, which has no "
                "such value"
            )
        outputs[name] = source
    inputs: dict[str, str] = {}
    had = {value.name for value in before.graph.inputs}
    for value in after.graph.inputs:
        if value.is_initializer():
            continue
        name = value.name or ""
        source = contract.inputs.get(name, name)
        if source not in had:
            return f"input {name!r} is new, and the contract does not say which input it was"
        inputs[name] = source
    made = {value.name for value in after.graph.outputs}
    return InterfaceMap(
        outputs, inputs, tuple(place for name, place in derived.items() if name in made)
    )


@dataclass(frozen=True)
class Moved:
    """The feeds of the model before and of the model after, pair by pair."""

    before: tuple[FeedSet, ...]
    after: tuple[FeedSet, ...]
    fresh: bool
    """Whether the model before has not been run on its feeds yet."""


def move_feeds(
    mapped: InterfaceMap,
    before: ir.Model,
    after: ir.Model,
    feeds: Sequence[FeedSet],
    dims: Mapping[str, Sequence[int]],
    seed: int,
) -> Moved:
    """Feeds for the model after: the same arrays under other names where they fit.

    Where dtypes or fixed sizes have changed, new feeds are made from what the model after takes
    and converted to what the model before takes, so that both get the same numbers.
    """
    items = model_inputs(after)
    if all(_fits(item, feed, mapped) for item in items for feed in feeds):
        renamed = tuple(
            replace(feed, feed={a: feed.feed[b] for a, b in mapped.inputs.items()})
            for feed in feeds
        )
        return Moved(tuple(feeds), renamed, False)
    usable = [feed for feed in feeds if all(_convertible(item, feed, mapped) for item in items)]
    if not usable:
        known = {name: sizes for name, sizes in dims.items() if _has_dim(items, name)}
        chosen = bindings([item.spec for item in items], dims=known)
        made = [make_feed(items, *job) for job in plan(chosen, seed)]
    else:
        made = [_converted(items, feed, mapped) for feed in usable]
    types = {value.name: value.dtype for value in before.graph.inputs}
    pairs = [_pair(feed, mapped, types, feeds[0]) for feed in made]
    return Moved(tuple(p[0] for p in pairs), tuple(p[1] for p in pairs), True)


def convert(array: Any, dtype: np.dtype[Any]) -> Any:
    """Cast to ``dtype``, with numbers outside its range brought to its ends."""
    if not isinstance(array, np.ndarray) or array.dtype == dtype:
        return array
    if is_integer(dtype):
        return _to_integer(array, dtype)
    if is_inexact(dtype) and dtype.kind != "c":
        limit = largest(dtype)
        return np.clip(array.astype(np.float64), -limit, limit).astype(dtype)
    return array.astype(dtype)


def _to_integer(array: Array, dtype: np.dtype[Any]) -> Array:
    low, high = integer_range(dtype)
    if is_integer(array.dtype):
        least, most = integer_range(array.dtype)
        inside: Array = np.clip(array, max(low, least), min(high, most)).astype(dtype)
        return inside
    rounded = np.rint(np.nan_to_num(array.astype(np.float64)))
    top = np.nextafter(float(high), 0.0) if high > 2**53 else float(high)
    return np.asarray(np.clip(rounded, float(low), float(top)).astype(dtype))


def _fits(item: ModelInput, feed: FeedSet, mapped: InterfaceMap) -> bool:
    array = feed.feed.get(mapped.inputs[item.spec.name])
    if not isinstance(array, np.ndarray):
        return array is not None
    same = item.spec.dtype is None or array.dtype == numpy_dtype(item.spec.dtype)
    return same and _same_shape(item, array)


def _convertible(item: ModelInput, feed: FeedSet, mapped: InterfaceMap) -> bool:
    array = feed.feed.get(mapped.inputs[item.spec.name])
    return isinstance(array, np.ndarray) and _same_shape(item, array)


def _same_shape(item: ModelInput, array: Array) -> bool:
    shape = item.spec.shape
    if shape is None:
        return True
    return len(shape) == array.ndim and all(
        not isinstance(dim, int) or dim == size
        for dim, size in zip(shape, array.shape, strict=True)
    )


def _converted(items: Sequence[ModelInput], feed: FeedSet, mapped: InterfaceMap) -> FeedSet:
    arrays: dict[str, Any] = {}
    for item in items:
        array = feed.feed[mapped.inputs[item.spec.name]]
        dtype = numpy_dtype(item.spec.dtype) if item.spec.dtype else array.dtype
        if dtype.kind in "iub" and array.dtype.kind not in "iub":
            array = _spread(array, dtype)
        arrays[item.spec.name] = convert(array, dtype)
    return replace(feed, feed=arrays)


def _spread(array: Array, dtype: np.dtype[Any]) -> Array:
    """Scale floats over the range of a byte, or small integers, so that they stay different."""
    peak = float(np.max(np.abs(array))) if array.size else 0.0
    if peak == 0 or not np.isfinite(peak):
        return array
    if dtype.kind == "b":
        return array > 0
    unit = np.abs(array) if dtype.kind == "u" else array
    top = 255.0 if dtype == np.uint8 else 127.0
    return np.asarray(unit.astype(np.float64) / peak * top)


def _pair(
    feed: FeedSet,
    mapped: InterfaceMap,
    types: Mapping[str | None, ir.DataType | None],
    sample: FeedSet,
) -> tuple[FeedSet, FeedSet]:
    """The same numbers for both models: what the model before can hold."""
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for name, source in mapped.inputs.items():
        kind = types.get(source)
        dtype = numpy_dtype(dtype_name(kind)) if kind is not None else None
        array = feed.feed[name]
        before[source] = convert(array, dtype) if dtype is not None else array
        after[name] = convert(before[source], array.dtype)
    for name, value in sample.feed.items():
        before.setdefault(name, value)
    return replace(feed, feed=before), replace(feed, feed=after)


def stuck_dim(before: ir.Model, after: ir.Model, mapped: InterfaceMap, seed: int) -> str:
    """Why a dim that was made dynamic is not: the model after runs at one size only."""
    fixed = {value.name: value.shape for value in before.graph.inputs}
    items = model_inputs(after)
    freed: set[str] = set()
    for item in items:
        old = fixed.get(mapped.inputs.get(item.spec.name, ""))
        for dim, was in zip(item.spec.shape or (), old or (), strict=False):
            if isinstance(dim, str) and isinstance(was, int):
                freed.add(dim)
    if not freed or any(item.why_not for item in items):
        return ""
    session = Session(after)
    refusals: list[str] = []

    def runs(binding: Binding) -> bool:
        try:
            session.run(make_feed(items, binding, "normal", seed).feed)
        except NotRunnable as error:
            refusals.append(str(error))
            return False
        return True

    chosen = bindings([item.spec for item in items], runs=runs)
    for name in sorted(freed):
        sizes = {binding.dims[name] for binding in chosen if name in binding.dims}
        if len(sizes) == 1:
            said = f"; at another: {refusals[0]}" if refusals else ""
            return f"dim {name!r} was made dynamic, but the model runs only at {sizes.pop()}{said}"
    return ""


def _has_dim(items: Sequence[ModelInput], name: str) -> bool:
    return any(name in (item.spec.shape or ()) for item in items)

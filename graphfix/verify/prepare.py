"""Choose the feeds for a model and run it on them once, before any pass touches it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir

from graphfix.adapter import Adapter
from graphfix.runners.onnxruntime import NotRunnable, Session
from graphfix.spec import Binding, InputSpec, Shape, bindings
from graphfix.verify.data import load_data
from graphfix.verify.evaluate import Outputs, identical, one_line, select
from graphfix.verify.feeds import EXTRA_VARIANTS, FeedSet, make_feed, plan
from graphfix.verify.inputs import ModelInput, model_inputs


@dataclass(frozen=True)
class Prepared:
    """The feeds of a verification, and what the original makes of them."""

    feeds: tuple[FeedSet, ...] = ()
    values: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    """Output name to its value for each feed set."""
    bindings: tuple[str, ...] = ()
    dims: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Sizes tried for each symbolic dim."""
    blocked: str = ""
    """Why nothing can be verified at all; empty when it can."""
    random: frozenset[str] = frozenset()
    """Outputs that differ between two runs of the same model on the same feeds."""
    weak: Mapping[str, str] = field(default_factory=dict)
    """Outputs that say little, with what they do: ``"is zero in every run"``."""
    remarks: tuple[str, ...] = ()


def prepare(
    model: ir.Model,
    *,
    specs: Sequence[InputSpec] = (),
    shapes: Mapping[str, Sequence[Shape]] | None = None,
    dims: Mapping[str, Sequence[int]] | None = None,
    data: Path | None = None,
    adapter: Adapter | None = None,
    seed: int = 0,
    runs_as: ir.Model | None = None,
) -> Prepared:
    """Choose feeds, run ``model`` on them, and look at what its outputs are worth.

    ``runs_as`` is run in the place of a ``model`` that no runtime takes.

    Raises:
        UsageError: ``shapes``, ``dims`` or ``data`` do not fit the model.
        PluginError: ``adapter`` fails.
    """
    shapes = shapes or {}
    inputs = model_inputs(model, [*specs, *_ranks(model, specs, shapes)])
    samples = load_data(data, inputs, adapter) if data is not None else ()
    blocked = next((item.why_not for item in inputs if item.why_not), "")
    if blocked and not samples:
        return Prepared(blocked=blocked)
    try:
        runner = _Runner(runs_as or model)
    except NotRunnable as error:
        return Prepared(blocked=f"onnxruntime cannot load the model: {one_line(error)}")
    if samples:
        return _judge(runner, samples, (), (), bool(inputs), {}, 0)
    chosen = bindings(
        [item.spec for item in inputs],
        shapes=shapes,
        dims=dims,
        runs=lambda binding: any(
            runner.works(make_feed(inputs, binding, kind, seed)) for kind in _ORDINARY
        ),
    )
    if not chosen:
        return Prepared(blocked=f"onnxruntime cannot run the model: {runner.first_failure}")
    feeds = _feeds(runner, inputs, chosen, seed) if inputs else [NO_FEEDS]
    return _judge(runner, feeds, inputs, chosen, bool(inputs), _one_size(inputs, chosen), seed)


_ORDINARY = ("normal", "positive", "uniform")
"""Kinds of feeds that may stand for ordinary numbers, in order of preference."""


def _feeds(
    runner: "_Runner", inputs: Sequence[ModelInput], chosen: Sequence[Binding], seed: int
) -> list[FeedSet]:
    """The planned feeds; signed numbers give way to positive ones where a model refuses them."""
    kind = next(
        (k for k in _ORDINARY if runner.works(make_feed(inputs, chosen[0], k, seed))), "normal"
    )
    jobs = plan(chosen, seed)
    return [make_feed(inputs, b, kind if v == "normal" else v, s) for b, v, s in jobs]


NO_FEEDS = FeedSet("no inputs", {})


class _Runner:
    """One session; remembers what has been run."""

    def __init__(self, model: ir.Model) -> None:
        self.model = model
        self.session = Session(model)
        self.first_failure = ""
        self._done: dict[str, Outputs | None] = {}

    def run(self, feeds: FeedSet, *, again: bool = False) -> Outputs | None:
        """The outputs, or ``None`` when the model does not run on these feeds."""
        if again or feeds.label not in self._done:
            try:
                self._done[feeds.label] = self.session.run(select(feeds.feed, self.model))
            except NotRunnable as error:
                self.first_failure = self.first_failure or f"{one_line(error)} ({feeds.label})"
                self._done[feeds.label] = None
        return self._done[feeds.label]

    def works(self, feeds: FeedSet) -> bool:
        """Whether the model runs on these feeds."""
        return self.run(feeds) is not None


def _judge(
    runner: _Runner,
    feeds: Sequence[FeedSet],
    inputs: Sequence[ModelInput],
    chosen: Sequence[Binding],
    has_inputs: bool,
    one_size: Mapping[str, int],
    seed: int,
) -> Prepared:
    ran = [(item, outputs) for item in feeds if (outputs := runner.run(item)) is not None]
    if not ran:
        return Prepared(blocked=f"onnxruntime cannot run the model: {runner.first_failure}")
    first, outputs = ran[0]
    twice = runner.run(first, again=True) or {}
    random = frozenset(n for n in outputs if n not in twice or not identical(outputs[n], twice[n]))
    names = list(outputs)
    weak = _weak(names, [run for _, run in ran], has_inputs)
    for variant in EXTRA_VARIANTS if inputs else ():
        if not weak:
            break
        extra = make_feed(inputs, chosen[0], variant, seed)
        if (more := runner.run(extra)) is None:
            continue
        now = _weak(names, [*(run for _, run in ran), more], has_inputs)
        if len(now) < len(weak):
            ran.append((extra, more))
            weak = now
    remarks = [f"dim {name} runs only at {size}" for name, size in one_size.items()]
    if len(ran) < len(feeds):
        remarks.append(f"left out feeds the original does not run on: {runner.first_failure}")
    return Prepared(
        tuple(item for item, _ in ran),
        {name: tuple(run[name] for _, run in ran) for name in names},
        tuple(binding.label for binding in chosen),
        {
            name: tuple(dict.fromkeys(binding.dims[name] for binding in chosen))
            for name in (chosen[0].dims if chosen else ())
        },
        random=random,
        weak={name: why for name, why in weak.items() if name not in random},
        remarks=tuple(remarks),
    )


def _weak(names: Sequence[str], runs: Sequence[Outputs], has_inputs: bool) -> dict[str, str]:
    """Outputs whose values could hardly show a fault, with the reason."""
    found = {}
    for name in names:
        arrays = [run[name] for run in runs]
        if not all(isinstance(array, np.ndarray) for array in arrays):
            continue
        if reason := _why_weak(arrays, has_inputs):
            found[name] = reason
    return found


def _why_weak(arrays: Sequence[Any], has_inputs: bool) -> str:
    if all(array.size == 0 for array in arrays):
        return "is empty in every run"
    if arrays[0].dtype.kind in "OUS":
        return ""
    if all(bool((array != array).all()) for array in arrays):
        return "is NaN in every run"
    if not has_inputs:
        return ""
    if all(bool((array == 0).all()) for array in arrays):
        return "is zero in every run"
    same_shape = [array for array in arrays if array.shape == arrays[0].shape]
    if len(same_shape) > 1 and all(identical(array, same_shape[0]) for array in same_shape):
        return "does not depend on the inputs"
    return ""


def _ranks(
    model: ir.Model, specs: Sequence[InputSpec], shapes: Mapping[str, Sequence[Shape]]
) -> list[InputSpec]:
    """Specs for inputs without shape: the rank of the user's shapes, every dim symbolic."""
    known = {spec.name for spec in specs}
    found = []
    for value in model.graph.inputs:
        name = value.name or ""
        if value.shape is None and name in shapes and name not in known:
            dims = tuple(f"{name}_dim{axis}" for axis in range(len(shapes[name][0])))
            found.append(InputSpec(name, shape=dims))
    return found


def _one_size(inputs: Sequence[ModelInput], chosen: Sequence[Binding]) -> dict[str, int]:
    """Dims that took a single size although they are symbolic."""
    sizes: dict[str, set[int]] = {}
    for binding in chosen:
        for name, size in binding.dims.items():
            sizes.setdefault(name, set()).add(size)
    return {name: min(found) for name, found in sizes.items() if len(found) == 1}

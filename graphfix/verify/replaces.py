"""Replacements of a stand-in: their own reference inside, the model before outside."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import onnx_ir as ir
from onnx_ir import convenience

from graphfix.contract import Array, Replaces, Substitution
from graphfix.errors import PluginError
from graphfix.verify.comparer import Columns
from graphfix.verify.evaluate import Evaluation, Outputs, evaluate
from graphfix.verify.feeds import FeedSet


@dataclass(frozen=True)
class ReplacementRuns:
    """The numbers to compare for a pass that replaces stand-ins."""

    after: Evaluation
    problem: str = ""
    """What makes the contract meaningless; the pass has failed."""
    unclear: str = ""
    """Why a part of it cannot be verified."""
    references: Columns = field(default_factory=dict)
    """What the references say each substituted value must be."""
    actual: Columns = field(default_factory=dict)
    """What the values of the model after are."""
    cut: Callable[[], ir.Model] | None = None
    """The model before with its stand-ins replaced by inputs."""
    cut_feeds: tuple[FeedSet, ...] = ()
    cut_values: Columns = field(default_factory=dict)
    """What the cut model makes: its outputs, and the values the replacements read."""


def run_replacement(
    contract: Replaces, before: ir.Model, after: ir.Model, feeds: Sequence[FeedSet]
) -> ReplacementRuns:
    """Run the model after with the substituted places exposed, and the model before cut there.

    Raises:
        PluginError: a reference fails.
    """
    places = contract.substitutions
    results = tuple(place.output for place in places)
    sources = tuple(dict.fromkeys(name for place in places for name in place.inputs))
    missing = [name for name in (*sources, *results) if name not in _values(after)]
    evaluation = evaluate(after, feeds, extra=[n for n in (*sources, *results) if n not in missing])
    if missing:
        names = ", ".join(map(repr, missing))
        return ReplacementRuns(evaluation, f"the model after has no value {names} to check")
    lost = [name for name in results if name not in _values(before)]
    if lost:
        names = ", ".join(map(repr, lost))
        return ReplacementRuns(evaluation, f"the model before has no value {names} to replace")
    if evaluation.failure:
        return ReplacementRuns(evaluation)
    runs = [run for run in evaluation.runs if run is not None]
    references = {
        place.output: tuple(referred(place, run, run[place.output]) for run in runs)
        for place in places
    }
    cut_feeds = tuple(
        replace(feed, feed={**feed.feed, **{name: run[name] for name in results}})
        for feed, run in zip(feeds, runs, strict=True)
    )

    def cut() -> ir.Model:
        return _cut(before.clone(), {name: runs[0][name] for name in results})

    inner = [n for n in sources if n in _values(before) and n not in (*results, *_inputs(before))]
    outside = tuple(dict.fromkeys((*(n for n in evaluation.names if n not in results), *inner)))
    left = evaluate(cut(), cut_feeds, extra=inner) if outside else Evaluation((), ())
    unseen = [name for name in sources if name not in _values(before) and name not in results]
    unclear = ""
    if left.failure:
        unclear = f"the model before, cut at the replacements, does not run: {left.failure}"
    elif unseen:
        unclear = (
            f"the replacement reads {', '.join(map(repr, unseen))}, which the model before does "
            "not have, so nothing says that it is right"
        )
    known = () if left.failure else outside
    return ReplacementRuns(
        evaluation,
        unclear=unclear,
        references=references,
        actual={n: tuple(run[n] for run in runs) for n in (*results, *known)},
        cut=cut,
        cut_feeds=cut_feeds,
        cut_values={n: left.column(n) for n in known},
    )


def referred(place: Substitution, values: Outputs, like: Any) -> Array:
    """What the reference makes of ``values``, in the element type of ``like``.

    Raises:
        PluginError: the reference fails.
    """
    try:
        wanted = np.asarray(place.reference(*(values[name] for name in place.inputs)))
    except Exception as error:
        raise PluginError(
            f"the reference of the replacement at {place.output!r} fails: "
            f"{type(error).__name__}: {error}"
        ) from error
    rounded: Array = wanted.astype(np.asarray(like).dtype)
    return rounded


def _values(model: ir.Model) -> set[str | None]:
    names = {value.name for value in model.graph.inputs}
    names |= {value.name for value in model.graph.initializers.values()}
    return names | {out.name for node in model.graph for out in node.outputs}


def _inputs(model: ir.Model) -> set[str | None]:
    return {value.name for value in model.graph.inputs}


def _cut(model: ir.Model, arrays: Mapping[str, Any]) -> ir.Model:
    """Turn values into graph inputs of the same name; the nodes that made them go.

    What these nodes alone read stays, unread: no runtime need know a stand-in.
    """
    made = {out.name: out for node in model.graph for out in node.outputs}
    for name, array in arrays.items():
        old = made[name]
        kind = ir.TensorType(ir.DataType.from_numpy(array.dtype))
        new = ir.Value(name=name, type=kind, shape=ir.Shape([None] * array.ndim))
        convenience.replace_all_uses_with(old, new, replace_graph_outputs=True)
        old.name = f"{name}/stand-in"
        shown = [k for k, value in enumerate(model.graph.outputs) if value is new]
        for k in reversed(shown):
            del model.graph.outputs[k]
        model.graph.inputs.append(new)
        maker = old.producer()
        if maker is not None and not any(
            out.uses() or out.is_graph_output() for out in maker.outputs
        ):
            model.graph.remove(maker, safe=True)
    return model

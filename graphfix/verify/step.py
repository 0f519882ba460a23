"""One pass, held to its contract."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import onnx_ir as ir

from graphfix.contract import Interface, Replaces
from graphfix.rewrite.records import PassResult
from graphfix.verify.compare import OutputComparison
from graphfix.verify.comparer import Columns, Comparer, verdict
from graphfix.verify.evaluate import Evaluation, evaluate
from graphfix.verify.feeds import FeedSet
from graphfix.verify.interface import InterfaceMap, interface_map, move_feeds, stuck_dim
from graphfix.verify.localise import first_diverging
from graphfix.verify.ranges import check_ranges, narrowed
from graphfix.verify.replaces import referred, run_replacement
from graphfix.verify.state import Segment, Source, State
from graphfix.verify.tolerance import arithmetic
from graphfix.verify.verification import Status, Verification


@dataclass(frozen=True)
class Settings:
    """What the user asked for, as far as single passes are concerned."""

    rtol: float | None
    atol: float | None
    seed: int
    dims: dict[str, tuple[int, ...]]
    """Sizes the original was run at."""


@dataclass(frozen=True)
class Outcome:
    """The verdict, the state if the pass is accepted, and the feeds that show a failure."""

    verdict: Verification
    state: State
    failing: FeedSet | None = None
    unknown: bool = False
    """Whether nothing is known of the model after, so that it must be prepared like an original."""


def check_pass(
    state: State,
    result: PassResult,
    before: Source,
    settings: Settings,
    *,
    explain: bool = True,
) -> Outcome:
    """Compare the model after a pass with the one before, as its contract says.

    ``explain`` looks for the first tensor that differs when it fails.
    """
    return _Step(state, result, before, settings, explain).outcome()


def changed_interface(state: State, model: ir.Model) -> str:
    """What a pass did to inputs and outputs that only an ``Interface`` contract allows."""
    names = tuple(value.name or "" for value in model.graph.outputs)
    if names != state.names:
        return (
            f"the outputs are {_list(names)}, before they were {_list(state.names)}; "
            "only a pass whose contract is Interface may change them"
        )
    have = {name for feed in state.feeds[:1] for name in feed.feed}
    now = {value.name or "" for value in model.graph.inputs}
    must = {v.name or "" for v in model.graph.inputs if not v.is_initializer()}
    if lost := sorted(have - now):
        return f"input {_list(lost)} is gone; only a pass whose contract is Interface may do it"
    if new := sorted(must - have):
        return f"input {_list(new)} is new; only a pass whose contract is Interface may do it"
    return ""


def compare_segment(
    state: State, settings: Settings, actual: Columns
) -> tuple[OutputComparison, ...]:
    """Compare the outputs now with those of the model the segment started from."""
    segment = state.segment
    comparer = Comparer(
        segment.contracts,
        segment.feeds,
        segment.source,
        segment.arithmetic,
        settings.rtol,
        settings.atol,
        retyped=True,
    )
    names = {n: v for n, v in segment.names.items() if n not in state.random and n in actual}
    return comparer.columns(segment.values, actual, names)


class _Step:
    def __init__(
        self,
        state: State,
        result: PassResult,
        before: Source,
        settings: Settings,
        explain: bool,
    ) -> None:
        self.state = state
        self.contract = result.contract
        self.contracts = (*state.pending, result.contract)
        self.model = result.model
        self.narrowed = narrowed(result)
        self.before = state.pending_source or before
        self.settings = settings
        self.explain = explain

    def outcome(self) -> Outcome:
        found = self._by_contract()
        if not self.narrowed or found.verdict.status is Status.FAILED:
            return found
        answer = check_ranges(
            found.verdict, self.narrowed, self.before(), self.model, self.state.feeds
        )
        if answer.status is Status.FAILED:
            return Outcome(answer, self.state)
        return replace(found, verdict=answer)

    def _by_contract(self) -> Outcome:
        if isinstance(self.contract, Interface):
            return self._interface(self.contract)
        if problem := changed_interface(self.state, self.model):
            return self._failed(problem)
        if isinstance(self.contract, Replaces):
            return self._replaces(self.contract)
        return self._plain()

    def _plain(self) -> Outcome:
        state = self.state
        after = evaluate(self.model, state.feeds)
        if after.failure:
            return self._does_not_run(after)
        comparer = self._comparer(state.feeds, self.before)
        names = {name: name for name in after.names if name not in state.random}
        values = {name: after.column(name) for name in after.names}
        found = comparer.columns(state.values, values, names)
        answer = verdict(found, left_out=sorted(state.random))
        if answer.status is Status.FAILED:
            return self._explained(answer, comparer, state.feeds, state.feeds)
        return Outcome(answer, self._accept(state, after))

    def _comparer(
        self, feeds: Sequence[FeedSet], reference: Source | None, *, retyped: bool = False
    ) -> Comparer:
        settings = self.settings
        return Comparer(
            self.contracts,
            feeds,
            reference,
            self.state.arithmetic,
            settings.rtol,
            settings.atol,
            retyped=retyped,
        )

    def _accept(self, state: State, after: Evaluation) -> State:
        segment = state.segment
        return replace(
            state,
            names=after.names,
            values={name: after.column(name) for name in after.names},
            arithmetic=arithmetic(self.model),
            pending=(),
            pending_source=None,
            segment=replace(segment, contracts=(*segment.contracts, self.contract)),
        )

    def _failed(self, reason: str, failing: FeedSet | None = None) -> Outcome:
        return Outcome(Verification(Status.FAILED, reason), self.state, failing)

    def _does_not_run(self, after: Evaluation) -> Outcome:
        state = self.state
        if not after.no_kernel:
            reason = f"onnxruntime ran the model before, but not the one after: {after.failure}"
            return self._failed(reason, after.failed)
        reason = f"onnxruntime lacks a kernel for the model after: {after.failure}"
        waiting = replace(
            state,
            pending=self.contracts,
            pending_source=self.before,
            segment=replace(state.segment, contracts=(*state.segment.contracts, self.contract)),
        )
        return Outcome(Verification(Status.NOT_VERIFIED, reason), waiting)

    def _explained(
        self,
        answer: Verification,
        comparer: Comparer,
        feeds: Sequence[FeedSet],
        feeds_after: Sequence[FeedSet],
    ) -> Outcome:
        """Add the first tensor that differs, and the feeds on which it does."""
        label = next((c.feeds for c in answer.comparisons if not c.passed), "")
        k = next((k for k, feed in enumerate(feeds) if feed.label == label), 0)
        pair = (feeds[k], feeds_after[k])
        if not self.explain:
            return Outcome(answer, self.state, feeds[k])
        where = first_diverging(self.before(), self.model, pair, comparer.allowed)
        reason = answer.reason + (f"; the first tensor that differs is {where}" if where else "")
        return Outcome(replace(answer, reason=reason, first_diverging=where), self.state, feeds[k])

    def _interface(self, contract: Interface) -> Outcome:
        state = self.state
        before = self.before()
        mapped = interface_map(contract, before, self.model)
        if isinstance(mapped, str):
            return self._failed(mapped)
        if state.pending:
            return self._unknown("onnxruntime lacks a kernel for the model before")
        given = {value.name for value in before.graph.inputs} if mapped.derived else set()
        moved = move_feeds(
            mapped, before, self.model, state.feeds, self.settings.dims, self.settings.seed
        )
        read = (*mapped.outputs.values(), *(n for d in mapped.derived for n in d.inputs))
        inner = tuple(dict.fromkeys(v for v in read if v not in state.names and v not in given))
        feeds_before, feeds_after, was = moved.before, moved.after, state.values
        if inner or moved.fresh:
            reference = evaluate(before, feeds_before, extra=inner)
            ran = [k for k, run in enumerate(reference.runs) if run is not None]
            if not ran:
                return self._unknown(
                    "the model before does not run on inputs the model after takes: "
                    f"{reference.failure}; give samples with --data or sizes with --shape"
                )
            feeds_before = tuple(feeds_before[k] for k in ran)
            feeds_after = tuple(feeds_after[k] for k in ran)
            was = {n: reference.column(n) for n in (*reference.names, *inner)}
        after = evaluate(self.model, feeds_after)
        if after.failure:
            return (
                self._does_not_run(after)
                if not after.no_kernel
                else self._unknown(
                    f"onnxruntime lacks a kernel for the model after: {after.failure}"
                )
            )
        comparer = self._comparer(feeds_before, lambda: before, retyped=True)
        expected = {name: was[value] for name, value in mapped.outputs.items()}
        random = frozenset(n for n, v in mapped.outputs.items() if v in state.random)
        names = {name: v for name, v in mapped.outputs.items() if name not in random}
        values = {name: after.column(name) for name in after.names}
        found = list(comparer.columns(expected, values, names))
        references = _derived(mapped, feeds_before, was, values)
        inside = self._comparer(feeds_before, None, retyped=True)
        found += inside.columns(references, values, {name: name for name in references})
        answer = verdict(found, left_out=sorted(random))
        if answer.status is Status.FAILED:
            return self._explained(answer, comparer, feeds_before, feeds_after)
        if stuck := stuck_dim(before, self.model, mapped, self.settings.seed):
            return self._failed(stuck)
        if mapped.derived:
            accepted = self._accept(self._close(state), after)
            accepted = replace(accepted, feeds=feeds_after, random=random)
            own = {name: name for name in after.names}
            parts = "the whole is compared in two parts, before and after the outputs changed"
            start = Segment(
                None, feeds_after, values, own, arithmetic(self.model), remarks=(parts,)
            )
            return Outcome(answer, replace(accepted, segment=start))
        new = self._continued(state, mapped.outputs, inner) if not moved.fresh else None
        if new is None:
            reason = (
                "the whole is compared in two parts, before and after the interface changed to "
                "inputs or outputs that the original does not have"
            )
            start = Segment(
                self.before,
                feeds_before,
                expected,
                mapped.outputs,
                state.arithmetic,
                remarks=(*state.segment.remarks, reason),
            )
            new = replace(self._close(state), segment=start)
        accepted = self._accept(replace(new, feeds=feeds_after, random=random), after)
        return Outcome(answer, accepted)

    def _continued(
        self, state: State, outputs: Mapping[str, str], inner: Sequence[str]
    ) -> State | None:
        """The same segment with its outputs under their new names, where its model has them."""
        segment = state.segment
        found: dict[str, tuple[Any, ...]] = {}
        if inner:
            if segment.source is None:
                return None
            first = segment.source()
            known = {out.name for node in first.graph for out in node.outputs}
            known |= {value.name for value in first.graph.inputs}
            if not set(inner) <= known:
                return None
            runs = evaluate(first, segment.feeds, extra=inner)
            if runs.failure:
                return None
            found = {name: runs.column(name) for name in inner}
        values = {n: found[v] if v in found else segment.values[v] for n, v in outputs.items()}
        names = {n: v if v in found else segment.names[v] for n, v in outputs.items()}
        return replace(state, segment=replace(segment, values=values, names=names))

    def _close(self, state: State) -> State:
        """End the segment here: compare its last model with its first."""
        found = compare_segment(state, self.settings, state.values)
        return replace(state, closed=(*state.closed, *found))

    def _unknown(self, reason: str) -> Outcome:
        state = replace(self._close(self.state), gaps=(*self.state.gaps, reason))
        return Outcome(Verification(Status.NOT_VERIFIED, reason), state, unknown=True)

    def _replaces(self, contract: Replaces) -> Outcome:
        state = self.state
        before = self.before()
        runs = run_replacement(contract, before, self.model, state.feeds)
        if runs.problem:
            return self._failed(runs.problem)
        if runs.after.failure:
            if runs.after.no_kernel:
                return self._unknown(
                    f"onnxruntime lacks a kernel for the model after: {runs.after.failure}"
                )
            return self._does_not_run(runs.after)
        inside = self._comparer(state.feeds, None)
        found = list(inside.columns(runs.references, runs.actual, {n: n for n in runs.references}))
        outside = self._comparer(runs.cut_feeds, runs.cut)
        shared = {name: name for name in runs.cut_values if name not in state.random}
        found += outside.columns(runs.cut_values, runs.actual, shared)
        answer = verdict(found, left_out=sorted(state.random))
        if answer.status is Status.FAILED:
            label = next(c.feeds for c in answer.comparisons if not c.passed)
            failing = next(feed for feed in state.feeds if feed.label == label)
            return Outcome(answer, state, failing)
        after = runs.after
        values = {name: after.column(name) for name in after.names}
        names = {name: name for name in after.names}
        closed = self._close(state)
        start = Segment(None, state.feeds, values, names, arithmetic(self.model))
        if runs.unclear:
            answer = replace(answer, status=Status.NOT_VERIFIED, reason=runs.unclear)
            closed = replace(closed, gaps=(*closed.gaps, runs.unclear))
        accepted = self._accept(closed, after)
        return Outcome(answer, replace(accepted, segment=start))


def _derived(
    mapped: InterfaceMap, feeds: Sequence[FeedSet], was: Columns, values: Columns
) -> dict[str, tuple[Any, ...]]:
    """What outputs that no value before equals must be, for each feed set."""
    runs = [
        {**feed.feed, **{name: column[k] for name, column in was.items()}}
        for k, feed in enumerate(feeds)
    ]
    return {
        place.output: tuple(
            referred(place, run, values[place.output][k]) for k, run in enumerate(runs)
        )
        for place in mapped.derived
    }


def _list(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names)) or "none"


def model_outputs(model: ir.Model) -> tuple[str, ...]:
    """Names of the graph outputs, in order."""
    return tuple(value.name or "" for value in model.graph.outputs)

"""Holds passes to their contracts: one session per model state, compared with the state before."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import onnx_ir as ir

from graphfix.adapter import Adapter
from graphfix.contract import Replaces
from graphfix.rewrite.records import PassResult
from graphfix.spec import InputSpec, parse_shapes
from graphfix.verify.blame import Again, blamed
from graphfix.verify.comparer import verdict
from graphfix.verify.evaluate import evaluate
from graphfix.verify.feeds import FeedSet
from graphfix.verify.prepare import Prepared, prepare
from graphfix.verify.state import Segment, Source, State
from graphfix.verify.step import Settings, check_pass, compare_segment, model_outputs
from graphfix.verify.tolerance import arithmetic, weakest_label
from graphfix.verify.verification import Status, Verification


class Verifier:
    """Compares the model after every pass with the one before, and the last with the first.

    ``shapes`` are texts such as ``x:1,3,32,100``; ``specs`` say more about inputs than the model
    does; ``dims`` gives sizes for symbolic dims; ``data`` is a file or folder of real samples,
    which replaces the seeded feeds, and which ``adapter`` understands if there is one. ``rtol``
    and ``atol`` only tighten.

    Call :meth:`start` once, :meth:`check` after every pass, :meth:`finish` at the end. The sources
    given to ``check`` must stay callable until then.

    Raises:
        UsageError: a shape text is not understood.
    """

    def __init__(
        self,
        *,
        shapes: Sequence[str] = (),
        specs: Sequence[InputSpec] = (),
        dims: Mapping[str, Sequence[int]] | None = None,
        data: Path | None = None,
        adapter: Adapter | None = None,
        seed: int = 0,
        rtol: float | None = None,
        atol: float | None = None,
    ) -> None:
        self._shapes = parse_shapes(shapes)
        self._specs = tuple(specs)
        self._dims = dict(dims or {})
        self._data, self._adapter = data, adapter
        self._settings = Settings(rtol, atol, seed, {})
        self._prepared = Prepared()
        self._state = State()
        self._previous = (self._prepared, self._state)
        self._failing: FeedSet | None = None
        self._checked: ir.Model | None = None
        """The model of the last check, when ``_state`` holds its outputs."""

    @property
    def failing_feeds(self) -> FeedSet | None:
        """Feeds on which the last failure shows: of the model before the pass that was checked, or
        of the original when the pipeline as a whole has failed."""
        return self._failing

    def start(self, original: ir.Model) -> None:
        """Choose the feeds and run the original on them; it may be edited afterwards.

        Raises:
            UsageError: ``data``, ``shapes`` or ``dims`` do not fit the model.
        """
        self._prepared = self._prepare(original)
        self._settings = replace(self._settings, dims=dict(self._prepared.dims))
        self._state = _first_state(original, self._prepared)
        self._previous = (self._prepared, self._state)
        self._failing = next(iter(self._prepared.feeds), None)
        self._checked = None

    def _prepare(self, original: ir.Model, runs_as: ir.Model | None = None) -> Prepared:
        return prepare(
            original,
            specs=self._specs,
            shapes=self._shapes,
            dims=self._dims,
            data=self._data,
            adapter=self._adapter,
            seed=self._settings.seed,
            runs_as=runs_as,
        )

    def check(
        self,
        result: PassResult,
        *,
        before: Source,
        again: Again | None = None,
        index: int = 0,
    ) -> Verification:
        """Compare the model after a pass with the one before it, under ``result.contract``.

        ``again`` runs the pass anew without some rewrites, to find those that are to blame for a
        failure; ``index`` says which pass of its pipeline it is.

        A failed check leaves the verifier at the model before; any other takes the pass as done
        (see :meth:`undo`). ``before`` builds the model before the pass anew; it is called only for
        interface changes, replacements and failures.
        """
        started = time.perf_counter()
        self._previous = (self._prepared, self._state)
        self._failing = next(iter(self._state.feeds), None)
        self._checked = None
        if reason := self._prepared.blocked:
            if isinstance(result.contract, Replaces):
                reason = self._start_at(result.model, before())
            if reason:
                gap = f"a pass before the replacement is not verified: {self._prepared.blocked}"
                self._state = replace(self._state, gaps=(gap,))
                return self._blocked(started, result.contract.label, reason)
        state = self._state
        if state.segment.source is None:
            state = replace(state, segment=replace(state.segment, source=before))
        outcome = check_pass(state, result, before, self._settings)
        answer = outcome.verdict
        bindings, feeds = self._prepared.bindings, outcome.state.feeds
        if answer.status is Status.FAILED:
            self._failing = outcome.failing or self._failing
            answer = blamed(answer, result, again, partial(self._holds, state, before, again))
            self._prepared, self._state = self._previous
        else:
            self._state = outcome.state
            if not outcome.state.pending:
                self._checked = result.model
        if outcome.unknown:
            self._begin_again(result.model, outcome.state)
        remarks = [answer.reason, *self._weak(answer)] if answer.passed else [answer.reason]
        return replace(
            answer,
            reason="; ".join(filter(None, remarks)),
            contract=result.contract.label,
            bindings=bindings,
            feeds=tuple(feed.label for feed in feeds),
            seconds=time.perf_counter() - started,
        )

    def _start_at(self, model: ir.Model, before: ir.Model) -> str:
        """Start with ``model``, which replaces nodes of ``before`` that no runtime knows.

        Returns why that is impossible, or nothing.

        The replacements have their references, everything around them the model before, cut there;
        nothing else of that can be run.
        """
        prepared = self._prepare(before, runs_as=model)
        if prepared.blocked:
            return f"{prepared.blocked} (the model after the replacement)"
        remark = f"the whole is compared from the replacement on: {self._prepared.blocked}"
        self._prepared = replace(prepared, remarks=(*prepared.remarks, remark))
        self._settings = replace(self._settings, dims=dict(prepared.dims))
        narrow = arithmetic(before)
        segment = Segment(None, prepared.feeds, {}, {}, narrow)
        self._state = State(
            prepared.feeds,
            model_outputs(before),
            {},
            narrow,
            segment=segment,
            gaps=self._state.gaps,
            random=prepared.random,
        )
        return ""

    def settled(self) -> Mapping[int, Verification]:
        """Verdicts about earlier passes that were not known when they were checked."""
        return {}

    def settle(self, model: ir.Model) -> None:
        """Judge what has not been judged yet; ``model`` is the one after it all."""

    def _holds(
        self, state: State, before: Source, again: Again | None, without: frozenset[int]
    ) -> bool:
        """Whether a pass is right without some of its rewrites."""
        assert again is not None
        result = again(dict.fromkeys(without, "to find out which rewrite is to blame"))
        outcome = check_pass(state, result, before, self._settings, explain=False)
        return outcome.verdict.status is not Status.FAILED

    def undo(self) -> None:
        """Forget the last checked pass: the caller has gone back to the model before it."""
        self._prepared, self._state = self._previous
        self._checked = None

    def finish(self, final: ir.Model) -> Verification:
        """Compare the final model with the original, under the weakest contract of the passes.

        The very object that was checked last is not run again: nothing may have edited it since.
        A replacement starts anew: the part before it and the part after it are compared each as a
        whole.
        """
        started = time.perf_counter()
        state = self._state
        label = weakest_label(state.segment.contracts)
        if self._prepared.blocked:
            return self._blocked(started, label, self._prepared.blocked)
        answer = self._whole(final, state)
        remarks = [answer.reason]
        if answer.passed:
            remarks += [*self._prepared.remarks, *self._weak(answer)]
        return replace(
            answer,
            reason="; ".join(filter(None, remarks)),
            contract=label,
            bindings=self._prepared.bindings,
            feeds=tuple(feed.label for feed in state.feeds),
            seconds=time.perf_counter() - started,
        )

    def _whole(self, final: ir.Model, state: State) -> Verification:
        values = state.values
        if final is not self._checked:
            after = evaluate(final, state.feeds)
            if after.failure:
                status = Status.NOT_VERIFIED if after.no_kernel else Status.FAILED
                return Verification(status, f"the final model does not run: {after.failure}")
            if after.names != state.names:
                names = ", ".join(map(repr, after.names))
                return Verification(Status.FAILED, f"the final model has the outputs {names}")
            values = {name: after.column(name) for name in after.names}
        found = compare_segment(state, self._settings, values)
        remarks = state.segment.remarks
        answer = verdict((*state.closed, *found), left_out=sorted(state.random), remarks=remarks)
        if answer.status is Status.FAILED:
            label = next(c.feeds for c in answer.comparisons if not c.passed)
            feeds = state.segment.feeds
            self._failing = next((f for f in feeds if f.label == label), self._failing)
        if state.gaps and answer.status is not Status.FAILED:
            return replace(answer, status=Status.NOT_VERIFIED, reason="; ".join(state.gaps))
        return answer

    def _weak(self, answer: Verification) -> list[str]:
        """Say of which outputs the comparison proves little."""
        return [
            f"weak evidence: output {c.output!r} {self._prepared.weak[c.output]}"
            for c in answer.comparisons
            if c.output in self._prepared.weak
        ]

    def _blocked(self, started: float, label: str, reason: str) -> Verification:
        seconds = time.perf_counter() - started
        return Verification(Status.NOT_VERIFIED, reason, contract=label, seconds=seconds)

    def _begin_again(self, model: ir.Model, state: State) -> None:
        """Take the model after an unverified pass as the one to compare later passes with."""
        settings = self._settings
        self._prepared = prepare(model, specs=self._specs, dims={}, seed=settings.seed)
        fresh = _first_state(model, self._prepared)
        self._state = replace(fresh, closed=state.closed, gaps=state.gaps)


def _first_state(model: ir.Model, prepared: Prepared) -> State:
    names = model_outputs(model)
    own = {name: name for name in names}
    narrow = arithmetic(model)
    segment = Segment(None, prepared.feeds, prepared.values, own, narrow)
    return State(
        prepared.feeds, names, prepared.values, narrow, segment=segment, random=prepared.random
    )

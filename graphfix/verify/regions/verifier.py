"""The verifier that looks at rewrite sites first, and at whole models where it must."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import onnx_ir as ir

from graphfix.rewrite.records import PassResult
from graphfix.verify.blame import Again, accusation, blamed
from graphfix.verify.evaluate import evaluate
from graphfix.verify.regions.stretch import Deferred, PassRun, Stretch, why_not
from graphfix.verify.state import Source, State
from graphfix.verify.step import changed_interface, check_pass
from graphfix.verify.tolerance import arithmetic
from graphfix.verify.verification import LATE, Mode, Status, Verification
from graphfix.verify.verifier import Verifier


@dataclass(frozen=True)
class _Outline:
    """What cannot change unseen while a rewriter makes all changes."""

    nodes: int
    """In the main graph."""
    opsets: Mapping[str, int]

    @classmethod
    def of(cls, model: ir.Model) -> "_Outline":
        return cls(len(model.graph), dict(model.graph.opset_imports))


class RegionVerifier(Verifier):
    """Judges passes whose changes were all observed by their rewrite sites, once all have run.

    Other passes, and sites that cannot be run by themselves, are judged on the whole model, as
    :class:`Verifier` does; the passes before them are judged first. The whole pipeline is compared
    with the original at the end in any case.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._waiting: list[Deferred] = []
        self._outline: _Outline | None = None
        self._before_last: tuple[list[Deferred], _Outline | None] = ([], None)
        self._late: dict[int, Verification] = {}

    def start(self, original: ir.Model) -> None:
        """See :meth:`Verifier.start`."""
        super().start(original)
        self._waiting, self._late = [], {}
        self._outline = _Outline.of(original)
        self._before_last = ([], self._outline)

    def check(
        self,
        result: PassResult,
        *,
        before: Source,
        again: Again | None = None,
        index: int = 0,
    ) -> Verification:
        """See :meth:`Verifier.check`; the answer may be ``LATE``, then :meth:`settled` has it.

        That is also the answer when an earlier pass turns out to have failed.
        """
        outline, self._before_last = _Outline.of(result.model), (self._waiting[:], self._outline)
        why = self._why_full(result, outline)
        if again is not None and not why:
            problem = changed_interface(self._state, result.model)
            if problem:
                return Verification(Status.FAILED, problem, contract=result.contract.label)
            self._defer(Deferred(index, result, before, again))
            self._outline = outline
            return LATE
        if self._waiting and not self._judge_waiting(before()):
            return LATE
        answer = super().check(result, before=before, again=again, index=index)
        if answer.status is not Status.FAILED:
            self._outline = outline
        return replace(answer, why_full=why)

    def undo(self) -> None:
        """See :meth:`Verifier.undo`."""
        super().undo()
        self._waiting, self._outline = self._before_last

    def settled(self) -> Mapping[int, Verification]:
        """The verdicts that came late, by index of their pass, since the last call."""
        late, self._late = self._late, {}
        return late

    def settle(self, model: ir.Model) -> None:
        """Judge everything that has not been judged yet; ``model`` is the one after it all."""
        if self._waiting and self._judge_waiting(model) and not self._state.pending:
            self._checked = model

    def _why_full(self, result: PassResult, now: _Outline) -> str:
        was = self._outline
        assert was is not None, "start() comes first"
        if self._prepared.blocked:
            return "nothing can be run"
        if self._state.pending:
            return "onnxruntime lacks a kernel for the model before"
        if reason := why_not(result):
            return reason
        if now.opsets != was.opsets:
            return "the opset has changed"
        sites = [rewrite.site for rewrite in result.rewrites if rewrite.site is not None]
        if now.nodes - was.nodes != sum(site.growth for site in sites):
            return "the graph has changed besides the rewrites"
        return ""

    def _defer(self, item: Deferred) -> None:
        state = self._state
        self._previous = (self._prepared, state)
        self._checked = None
        segment = state.segment
        self._waiting.append(item)
        self._state = replace(
            state,
            segment=replace(
                segment,
                source=segment.source or item.before,
                contracts=(*segment.contracts, item.result.contract),
            ),
        )

    def _judge_waiting(self, now: ir.Model) -> bool:
        """Judge the passes that wait; returns whether they hold. ``now`` is the model after them.

        Its outputs are what the next model is compared with.
        """
        waiting, self._waiting = self._waiting, []
        state = self._state
        stretch = Stretch(waiting, state.feeds, state.arithmetic, self._settings.seed)
        for run in stretch.judge(now):
            answer = self._verdict(run, state)
            self._late[run.deferred.index] = answer
            if answer.status is Status.FAILED:
                return False
        outputs = stretch.outputs
        if outputs is None:  # it was not run, or could not be with the values that sites read
            after = evaluate(now, state.feeds)
            outputs = None if after.failure else {n: after.column(n) for n in after.names}
        if outputs is None:
            contracts = tuple(item.result.contract for item in waiting)
            state = replace(state, pending=contracts, pending_source=waiting[0].before)
        else:
            state = replace(state, values=outputs, arithmetic=arithmetic(now))
        self._state = state
        return True

    def _verdict(self, run: PassRun, state: State) -> Verification:
        if run.problem:
            answer = self._whole_pass(run.deferred, state)
            answer = replace(answer, why_full=run.problem)
        else:
            answer = self._of_sites(run, state)
        return replace(
            answer,
            contract=run.deferred.result.contract.label,
            bindings=self._prepared.bindings,
            feeds=tuple(feed.label for feed in state.feeds),
            seconds=answer.seconds + run.seconds,
        )

    def _of_sites(self, run: PassRun, state: State) -> Verification:
        rewrites = run.deferred.result.rewrites
        comparisons = tuple(c for verdict in run.verdicts for c in verdict.comparisons)
        remarks = [verdict.remark for verdict in run.verdicts if verdict.remark]
        count = len(run.verdicts)
        failed = [verdict for verdict in run.verdicts if verdict.failure]
        if not failed:
            remark = "; ".join(remarks) if rewrites else "nothing was rewritten"
            return Verification(Status.PASSED, remark, comparisons, mode=Mode.REGION, regions=count)
        first = failed[0]
        self._failing = state.feeds[first.feeds]
        culprits = [rewrite for verdict in failed for rewrite in verdict.rewrites]
        blame = {
            rewrite.anchor: verdict.failure
            for verdict in failed
            for rewrite in verdict.rewrites
            if rewrite.anchor is not None
        }
        if len(blame) < len(culprits) or len(blame) == len(rewrites):
            blame = {}
        where = first.first_diverging
        said = (
            first.failure,
            accusation(culprits, rewrites),
            first.remark,
            f"the first tensor that differs is {where}" if where else "",
        )
        return Verification(
            Status.FAILED,
            "; ".join(filter(None, said)),
            comparisons,
            first_diverging=first.first_diverging,
            mode=Mode.REGION,
            regions=count,
            blame=blame,
        )

    def _whole_pass(self, item: Deferred, state: State) -> Verification:
        """Run the whole model before and after a pass that has run long ago."""
        started = time.perf_counter()
        before = evaluate(item.before(), state.feeds)
        if before.failure:
            reason = f"the model before does not run: {before.failure}"
            return Verification(Status.NOT_VERIFIED, reason)
        values = {name: before.column(name) for name in before.names}
        then = replace(state, values=values)
        result = item.again({})
        outcome = check_pass(then, result, item.before, self._settings)
        answer = outcome.verdict
        if answer.status is Status.FAILED:
            self._failing = outcome.failing or self._failing
            holds = partial(self._holds, then, item.before, item.again)
            answer = blamed(answer, result, item.again, holds)
        return answer.timed(time.perf_counter() - started)

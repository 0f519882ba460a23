"""Runs passes in order, each as a transaction, with instrumentations looking on.

Passes edit in place, so the model before a pass is not kept: when it is needed (a failed pass, a
reproducer, a comparison with values inside it) it is built again by replaying the passes, which are
deterministic, on a fresh copy of the source.

A verdict may come late, when later passes have run already. A rewrite that is rejected is then
taken back by running the pipeline again without it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import onnx_ir as ir

from graphfix.errors import GraphfixError, PassCrash, PassError, RewriteError, ToolError
from graphfix.model import paused_gc
from graphfix.pipeline import Pipeline, pass_text
from graphfix.rewrite.base import Pass, PassContext
from graphfix.rewrite.records import PassResult
from graphfix.rewrite.subgraphs import inner_graphs, subgraphs_of_node

Source = Callable[[], ir.Model]
Again = Callable[[Mapping[int, str]], PassResult]

ATTEMPTS = 4
"""Times that rewrites of one pass are taken back before the whole pass is undone."""


@dataclass(frozen=True)
class Step:
    """One pass of a run, as instrumentations see it.

    ``before`` builds the model before the pass anew; ``nodes`` counts the main graph and its
    subgraphs, before and after.
    """

    index: int
    item: Pass
    text: str
    before: Source
    again: Again
    """Runs the pass anew on the model before it, without some anchors (number to reason)."""
    result: PassResult | None = None
    nodes: tuple[int, int] = (0, 0)


class Instrumentation(Protocol):
    """Looks on while passes run. ``after`` may object by raising, which undoes the pass."""

    def start(self, model: ir.Model) -> None:
        """Before the first pass; the model is the source as loaded."""

    def before(self, step: Step) -> None:
        """Before a pass; ``step.result`` is not known yet."""

    def after(self, step: Step) -> None:
        """After a pass has run.

        Raises:
            RewriteError: rewrites of this pass or of an earlier one are not acceptable.
            PassError: the result is not acceptable; the pass is undone and has failed.
        """

    def failed(self, step: Step, error: PassError) -> None:
        """After a pass has failed; ``step.result`` is set when it had run to its end."""

    def finish(self, model: ir.Model) -> None:
        """After the last pass.

        Raises:
            RewriteError: rewrites of a pass are not acceptable.
            PassError: the run as a whole is not acceptable.
        """


class Observer:
    """An instrumentation that does nothing: a base for those that need only some of the calls."""

    def start(self, model: ir.Model) -> None:
        """See :class:`Instrumentation`."""

    def before(self, step: Step) -> None:
        """See :class:`Instrumentation`."""

    def after(self, step: Step) -> None:
        """See :class:`Instrumentation`."""

    def failed(self, step: Step, error: PassError) -> None:
        """See :class:`Instrumentation`."""

    def finish(self, model: ir.Model) -> None:
        """See :class:`Instrumentation`."""


@dataclass
class _History:
    """How to build the current model again: a fresh base, then the passes since."""

    base: Source
    since: list[tuple[Pass, PassContext]] = field(default_factory=list)

    def rebuild(self) -> ir.Model:
        model = self.base()
        for item, context in self.since:
            model = item.run(model, context).model
        return model

    def frozen(self) -> Source:
        return _History(self.base, list(self.since)).rebuild

    def record(self, item: Pass, context: PassContext, given: ir.Model, result: PassResult) -> None:
        if result.model is given:
            self.since.append((item, context))
            return
        # A pass that made a new model (through a native tool, say) is dear to repeat: keep a copy.
        snapshot = result.model.clone()
        self.base, self.since = snapshot.clone, []


class _Settled:
    """The passes that have run and, being idempotent, would not change the model as it is now."""

    def __init__(self) -> None:
        self._known: list[tuple[Pass, PassResult]] = []

    def result(self, item: Pass, model: ir.Model) -> PassResult | None:
        """What ``item`` would answer; ``None`` when it has to run."""
        for known, result in self._known:
            if known == item:
                return PassResult(model, item.contract, skips=result.skips, observed=True)
        return None

    def record(self, item: Pass, result: PassResult) -> None:
        """Take note of a run; what it has changed may give the others work again."""
        if result.rewrites or not result.observed:
            self._known.clear()
        if result.observed and item.select is None:  # the first of what is left is another one
            self._known.append((item, result))


@dataclass
class _Verdicts:
    """What earlier attempts have shown to be unacceptable."""

    anchors: dict[int, dict[int, str]] = field(default_factory=dict)
    """Rewrites to leave out, by the index of their pass."""
    passes: dict[int, PassError] = field(default_factory=dict)
    """Passes to leave out."""
    errors: dict[int, RewriteError] = field(default_factory=dict)
    """The first objection to each pass that runs without some of its rewrites."""
    count: dict[int, int] = field(default_factory=dict)

    def add(self, error: RewriteError) -> None:
        """Take note; what is known of later passes is void, as they will get another model."""
        step = error.step
        for known in (self.anchors, self.passes, self.errors, self.count):
            for index in [index for index in known if index > step]:
                del known[index]
        self.count[step] = self.count.get(step, 0) + 1
        old = self.anchors.get(step, {})
        if error.anchors.keys() <= old.keys() or self.count[step] > ATTEMPTS:
            self.anchors.pop(step, None)
            self.errors.pop(step, None)
            self.passes[step] = error
            return
        self.anchors[step] = {**old, **error.anchors}
        self.errors.setdefault(step, error)


@dataclass(frozen=True)
class Failure:
    """A pass that failed and was undone."""

    step: Step
    error: PassError


@dataclass(frozen=True)
class Outcome:
    """The model after all passes that succeeded, and what happened."""

    model: ir.Model
    steps: tuple[Step, ...]
    failures: tuple[Failure, ...]
    rejected: PassError | None = None
    """Why the run as a whole is not acceptable although its passes are."""
    rolled_back: Mapping[int, RewriteError] = field(default_factory=dict)
    """Passes of which some rewrites were taken back, by index."""

    @property
    def ok(self) -> bool:
        """Whether every pass succeeded with all its rewrites and nothing objected to the whole."""
        return not self.failures and self.rejected is None and not self.rolled_back


class PassManager:
    """Runs a pipeline over a model.

    ``keep_going`` takes back the rewrites that are to blame for a failure, or undoes the failing
    pass, and goes on with the rest; otherwise the first failure ends the run.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        *,
        context: PassContext | None = None,
        instrumentations: Sequence[Instrumentation] = (),
        keep_going: bool = False,
    ) -> None:
        self.pipeline = pipeline
        self.context = context or PassContext()
        self.instrumentations = tuple(instrumentations)
        self.keep_going = keep_going

    def run(self, source: Source) -> Outcome:
        """Run the pipeline on the model that ``source`` builds; each call of it must be fresh.

        Without ``keep_going`` a failure ends the run and ``finish`` is not called.
        """
        verdicts = _Verdicts()
        while True:
            attempt = _Attempt(self, source, verdicts)
            try:
                return attempt.run()
            except RewriteError as error:
                attempt.blame(error)
                if not self.keep_going:
                    return attempt.ended_by(error)
                verdicts.add(error)


class _Attempt:
    """One run through the pipeline, without what earlier attempts have shown to be wrong."""

    def __init__(self, manager: PassManager, source: Source, verdicts: _Verdicts) -> None:
        self.manager = manager
        self.verdicts = verdicts
        self.source = source
        self.started: list[Step] = []
        self.steps: list[Step] = []
        self.failures: list[Failure] = []

    def run(self) -> Outcome:
        """Run every pass.

        Raises:
            RewriteError: rewrites of a pass that has run are not acceptable.
        """
        looks, keep_going = self.manager.instrumentations, self.manager.keep_going
        history, settled = _History(self.source), _Settled()
        model = self.source()
        nodes, flat = count_nodes(model), not _holds_graphs(model)
        for look in looks:
            look.start(model)
        for index, item in enumerate(self.manager.pipeline.passes):
            context = self._context(index)
            before = history.frozen()
            step = Step(index, item, pass_text(item), before, _again(item, context, before))
            if index in self.verdicts.passes:
                self.failures.append(Failure(step, self.verdicts.passes[index]))
                continue
            for look in looks:
                look.before(step)
            try:
                known = None if context.excluded else settled.result(item, model)
                result = _run_pass(item, model, context) if known is None else known
                flat = flat and not _may_add_graphs(result)
                left = len(result.model.graph) if flat else count_nodes(result.model)
                step = replace(step, result=result, nodes=(nodes, left))
                _hold_expectation(item, result, len(context.excluded))
                self.started.append(step)
                for look in looks:
                    look.after(step)
            except RewriteError:
                raise
            except PassError as error:
                self.failures.append(Failure(step, error))
                for look in looks:
                    look.failed(step, error)
                model = step.before()
                if not keep_going:
                    return self._outcome(model)
                continue
            if known is None:
                history.record(item, context, model, result)
                settled.record(item, result)
            model, nodes = result.model, left
            self.steps.append(step)
        return replace(self._outcome(model), rejected=self._finish(model))

    def blame(self, error: RewriteError) -> None:
        """Tell the instrumentations which pass has failed."""
        step = self._step(error)
        for look in self.manager.instrumentations:
            look.failed(step, error)

    def ended_by(self, error: RewriteError) -> Outcome:
        """The outcome when a late verdict ends the run: what came before the pass stands."""
        step = self._step(error)
        done = tuple(item for item in self.steps if item.index < step.index)
        failures = [item for item in self.failures if item.step.index < step.index]
        return Outcome(step.before(), done, (*failures, Failure(step, error)))

    def _step(self, error: RewriteError) -> Step:
        return next(step for step in self.started if step.index == error.step)

    def _context(self, index: int) -> PassContext:
        excluded = self.verdicts.anchors.get(index)
        context = self.manager.context
        return replace(context, excluded=excluded) if excluded else context

    def _outcome(self, model: ir.Model) -> Outcome:
        return Outcome(
            model, tuple(self.steps), tuple(self.failures), rolled_back=dict(self.verdicts.errors)
        )

    def _finish(self, model: ir.Model) -> PassError | None:
        try:
            for look in self.manager.instrumentations:
                look.finish(model)
        except RewriteError:
            raise
        except PassError as error:
            return error
        return None


def _again(item: Pass, context: PassContext, before: Source) -> Again:
    def run(excluded: Mapping[int, str]) -> PassResult:
        return item.run(before(), replace(context, excluded={**context.excluded, **excluded}))

    return run


def _run_pass(item: Pass, model: ir.Model, context: PassContext) -> PassResult:
    try:
        with paused_gc():
            return item.run(model, context)
    except ToolError as error:  # neither the pass nor the model is to blame
        raise ToolError(_with_name(item, error)) from error
    except GraphfixError as error:
        raise _named(item, error) from error
    except Exception as error:
        raise PassCrash(
            f"{item.name}: the pass crashed with {type(error).__name__}: {error}; this is a "
            "bug in the pass, the model is as it was before"
        ) from error


def count_nodes(model: ir.Model) -> int:
    """Nodes of the main graph and all its subgraphs; bodies of functions are not counted."""
    return len(model.graph) + sum(map(len, inner_graphs(model.graph)))


def _holds_graphs(model: ir.Model) -> bool:
    return next(inner_graphs(model.graph), None) is not None


def _may_add_graphs(result: PassResult) -> bool:
    """Whether there may be nodes inside others now, if there were none."""
    if not result.observed:
        return True
    sites = [rewrite.site for rewrite in result.rewrites]
    return any(
        site is None or any(subgraphs_of_node(item.node) for item in site.after) for site in sites
    )


def _named(item: Pass, error: GraphfixError) -> PassError:
    message = _with_name(item, error)
    if isinstance(error, PassError):
        return type(error)(message)
    return PassError(message)


def _with_name(item: Pass, error: GraphfixError) -> str:
    message = str(error)
    return message if message.startswith(f"{item.name}:") else f"{item.name}: {message}"


def _hold_expectation(item: Pass, result: PassResult, taken_back: int) -> None:
    count = len(result.rewrites) + taken_back
    if item.expect is not None:
        if not item.expect.holds(count):
            raise PassError(
                f"{item.name}: expect={item.expect} does not hold, there were {count} rewrites"
                + _skipped(result)
            )
        return
    nothing_to_do = bool(result.skips) and all(skip.satisfied for skip in result.skips)
    if count == 0 and item.must_match and not item.optional and not nothing_to_do:
        raise PassError(
            f"{item.name}: nothing matched, so the pass changed nothing{_skipped(result)}; "
            f"write {item.name}{{optional}} if that is fine"
        )


def _skipped(result: PassResult) -> str:
    if not result.skips:
        return ""
    first = result.skips[0]
    more = f" (and {len(result.skips) - 1} more)" if len(result.skips) > 1 else ""
    what = f"skipped {first.op_type} {first.node!r}: " if first.node else ""
    return f"; {what}{first.reason}{more}"

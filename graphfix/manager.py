"""Runs passes in order, each as a transaction, with instrumentations looking on.

Passes edit in place, so the model before a pass is not kept: when it is needed (a failed pass, a
reproducer, a comparison with values inside it) it is built again by replaying the passes, which are
deterministic, on a fresh copy of the source.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import onnx_ir as ir

from graphfix.errors import GraphfixError, PassCrash, PassError
from graphfix.pipeline import Pipeline, pass_text
from graphfix.rewrite.base import Pass, PassContext
from graphfix.rewrite.records import PassResult

Source = Callable[[], ir.Model]


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
            PassError: the result is not acceptable; the pass is undone and has failed.
        """

    def failed(self, step: Step, error: PassError) -> None:
        """After a pass has failed; ``step.result`` is set when it had run to its end."""

    def finish(self, model: ir.Model) -> None:
        """After the last pass.

        Raises:
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
    since: list[Pass] = field(default_factory=list)

    def rebuild(self, context: PassContext) -> ir.Model:
        model = self.base()
        for item in self.since:
            model = item.run(model, context).model
        return model

    def frozen(self, context: PassContext) -> Source:
        copy = _History(self.base, list(self.since))
        return lambda: copy.rebuild(context)

    def record(self, item: Pass, given: ir.Model, result: PassResult) -> None:
        if result.model is given:
            self.since.append(item)
            return
        # A pass that made a new model (through a native tool, say) is dear to repeat: keep a copy.
        snapshot = result.model.clone()
        self.base, self.since = snapshot.clone, []


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

    @property
    def ok(self) -> bool:
        """Whether every pass succeeded and nothing objected to the whole."""
        return not self.failures and self.rejected is None


class PassManager:
    """Runs a pipeline over a model.

    ``keep_going`` undoes a failing pass and goes on with the rest; otherwise the first failure
    ends the run.
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
        history = _History(source)
        model = source()
        steps: list[Step] = []
        failures: list[Failure] = []
        for look in self.instrumentations:
            look.start(model)
        for index, item in enumerate(self.pipeline.passes):
            step = Step(index, item, pass_text(item), history.frozen(self.context))
            for look in self.instrumentations:
                look.before(step)
            try:
                step = self._run_pass(step, model)
                assert step.result is not None
                _hold_expectation(item, step.result)
                for look in self.instrumentations:
                    look.after(step)
            except PassError as error:
                failures.append(Failure(step, error))
                for look in self.instrumentations:
                    look.failed(step, error)
                model = step.before()
                if not self.keep_going:
                    break
                continue
            history.record(item, model, step.result)
            model = step.result.model
            steps.append(step)
        else:
            return Outcome(model, tuple(steps), tuple(failures), self._finish(model))
        return Outcome(model, tuple(steps), tuple(failures))

    def _finish(self, model: ir.Model) -> PassError | None:
        try:
            for look in self.instrumentations:
                look.finish(model)
        except PassError as error:
            return error
        return None

    def _run_pass(self, step: Step, model: ir.Model) -> Step:
        item = step.item
        nodes_before = count_nodes(model)
        try:
            result = item.run(model, self.context)
        except GraphfixError as error:
            raise _named(item, error) from error
        except Exception as error:
            raise PassCrash(
                f"{item.name}: the pass crashed with {type(error).__name__}: {error}; this is a "
                "bug in the pass, the model is as it was before"
            ) from error
        nodes = (nodes_before, count_nodes(result.model))
        return Step(step.index, item, step.text, step.before, result, nodes)


def count_nodes(model: ir.Model) -> int:
    """Nodes of the main graph and all its subgraphs; bodies of functions are not counted."""
    return sum(1 for _ in model.graph.all_nodes())


def _named(item: Pass, error: GraphfixError) -> PassError:
    message = str(error)
    if not message.startswith(f"{item.name}:"):
        message = f"{item.name}: {message}"
    if isinstance(error, PassError):
        return type(error)(message)
    return PassError(message)


def _hold_expectation(item: Pass, result: PassResult) -> None:
    count = len(result.rewrites)
    if item.expect is not None:
        if not item.expect.holds(count):
            raise PassError(
                f"{item.name}: expect={item.expect} does not hold, there were {count} rewrites"
                + _skipped(result)
            )
        return
    if count == 0 and item.must_match and not item.optional:
        raise PassError(
            f"{item.name}: nothing matched, so the pass changed nothing{_skipped(result)}; "
            f"write {item.name}{{optional}} if that is fine"
        )


def _skipped(result: PassResult) -> str:
    if not result.skips:
        return ""
    first = result.skips[0]
    more = f" (and {len(result.skips) - 1} more)" if len(result.skips) > 1 else ""
    return f"; skipped {first.op_type} {first.node!r}: {first.reason}{more}"

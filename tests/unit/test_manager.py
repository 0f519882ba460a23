"""The pass manager: every pass is a transaction, and instrumentations see it in order."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import onnx
import onnx_ir as ir
import pytest

from graphfix.errors import (
    GraphfixError,
    ModelError,
    NumericsError,
    PassError,
    StructureError,
    ToolError,
)
from graphfix.manager import Observer, Outcome, PassManager, Step, count_nodes
from graphfix.pipeline import Pipeline
from graphfix.rewrite import (
    Expect,
    Pass,
    PassContext,
    PassResult,
    RewritePass,
    Rewriter,
    Selector,
    Skip,
)

MODEL = """
<ir_version: 8, opset_import: ["" : 16]>
main (float[2] x, bool c) => (float[2] y)
{
   [a] a = Abs (x)
   [b] b = Neg (a)
   [choose] y = If (c) <
      then_branch = t () => (float[2] v) { [inner] v = Abs (b) },
      else_branch = e () => (float[2] w) { [other] w = Neg (b) }
   >
}
"""


def source() -> ir.Model:
    return ir.from_proto(onnx.parser.parse_model(MODEL))


def text(model: ir.Model) -> str:
    return onnx.printer.to_text(ir.to_proto(model))


ORIGINAL = text(source())


@dataclass(frozen=True)
class Swap(RewritePass):
    """Replace one operator by another."""

    name = "swap"
    match_ops = ("Abs", "Neg", "Relu", "Sign")

    old: str
    new: str

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip:
        if node.op_type != self.old:
            return rw.skip(f"it is {node.op_type}, not {self.old}")
        return rw.op(self.new, node.inputs[0])


@dataclass(frozen=True)
class Vandal(Pass):
    """Ruin the model, then raise."""

    name = "vandal"
    error: ClassVar[Exception] = PassError("cannot go on")

    def run(self, model: ir.Model, context: PassContext) -> PassResult:
        for node in list(model.graph):
            node.op_type = "Ruined"
        model.graph.initializers.clear()
        model.graph.name = "ruined"
        model.metadata_props["ruined"] = "yes"
        raise self.error


@dataclass(frozen=True)
class Rebuild(Pass):
    """Hand back another model, as a pass that works through a native tool does."""

    name = "rebuild"
    calls: ClassVar[list[str]] = []

    def run(self, model: ir.Model, context: PassContext) -> PassResult:
        self.calls.append(text(model))
        other = model.clone()
        for node in other.graph:
            if node.op_type == "Sign":
                node.op_type = "Relu"
        return PassResult(other, self.contract)


class Log(Observer):
    """Writes down what it sees, and may object."""

    def __init__(
        self, name: str, log: list[str], object_to: Callable[[Step], PassError | None] | None = None
    ) -> None:
        self.name, self.log, self.object_to = name, log, object_to

    def start(self, model: ir.Model) -> None:
        self.log.append(f"{self.name} start {count_nodes(model)}")

    def before(self, step: Step) -> None:
        assert step.result is None
        self.log.append(f"{self.name} before {step.index} {step.text}")

    def after(self, step: Step) -> None:
        assert step.result is not None
        self.log.append(f"{self.name} after {step.index}")
        error = self.object_to(step) if self.object_to else None
        if error is not None:
            raise error

    def failed(self, step: Step, error: PassError) -> None:
        self.log.append(f"{self.name} failed {step.index}: {error}")

    def finish(self, model: ir.Model) -> None:
        self.log.append(f"{self.name} finish")


def run(*passes: Pass, keep_going: bool = False, look: tuple[Observer, ...] = ()) -> Outcome:
    manager = PassManager(Pipeline(passes), instrumentations=look, keep_going=keep_going)
    return manager.run(source)


def raising(error: Exception) -> Vandal:
    class Raising(Vandal):
        pass

    Raising.error = error
    return Raising()


def ops(model: ir.Model) -> list[str]:
    return [node.op_type for node in model.graph.all_nodes()]


def test_passes_run_in_order_on_one_model() -> None:
    outcome = run(Swap(old="Abs", new="Sign"), Swap(old="Sign", new="Relu"))
    assert ops(outcome.model) == ["Relu", "Neg", "If", "Relu", "Neg"]
    assert [step.text for step in outcome.steps] == [
        "swap{old=Abs,new=Sign}",
        "swap{old=Sign,new=Relu}",
    ]
    assert [step.nodes for step in outcome.steps] == [(5, 5), (5, 5)]
    assert outcome.failures == ()
    assert outcome.ok


def test_the_source_is_not_touched() -> None:
    model = source()
    PassManager(Pipeline((Swap(old="Abs", new="Sign"),))).run(model.clone)
    assert text(model) == ORIGINAL


def test_a_missing_tool_ends_the_run_whatever_is_to_go_on() -> None:
    with pytest.raises(ToolError, match=r"^vandal: it is not installed$"):
        run(raising(ToolError("it is not installed")), keep_going=True)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (PassError("cannot go on"), "vandal: cannot go on"),
        (PassError("vandal: said so"), "vandal: said so"),
        (StructureError("a cycle"), "vandal: a cycle"),
        (ModelError("it is a folder"), "vandal: it is a folder"),
        (
            ZeroDivisionError("division by zero"),
            (
                "vandal: the pass crashed with ZeroDivisionError: division by zero; this is a bug "
                "in the pass, the model is as it was before"
            ),
        ),
    ],
)
def test_a_failing_pass_leaves_the_model_as_it_was(error: Exception, message: str) -> None:
    outcome = run(raising(error))
    assert text(outcome.model) == ORIGINAL
    assert outcome.steps == ()
    (failure,) = outcome.failures
    assert str(failure.error) == message
    assert isinstance(failure.error, PassError)
    assert failure.error.__cause__ is error
    assert failure.step.result is None


def test_the_kind_of_a_pass_error_is_kept() -> None:
    (failure,) = run(raising(NumericsError("off by one"))).failures
    assert type(failure.error) is NumericsError


def test_a_failure_ends_the_run_after_undoing_one_pass() -> None:
    outcome = run(Swap(old="Abs", new="Sign"), Vandal(), Swap(old="Neg", new="Relu"))
    assert ops(outcome.model) == ["Sign", "Neg", "If", "Sign", "Neg"]
    assert len(outcome.steps) == 1
    assert "ruined" not in outcome.model.metadata_props


def test_keep_going_runs_the_rest() -> None:
    passes = (Swap(old="Abs", new="Sign"), Vandal(), Swap(old="Neg", new="Relu"), Vandal())
    outcome = run(*passes, keep_going=True)
    assert ops(outcome.model) == ["Sign", "Relu", "If", "Sign", "Relu"]
    assert [step.index for step in outcome.steps] == [0, 2]
    assert [failure.step.index for failure in outcome.failures] == [1, 3]


def test_a_pass_after_one_that_made_a_new_model_is_undone_to_that_model() -> None:
    Rebuild.calls.clear()
    outcome = run(
        Swap(old="Abs", new="Sign"),
        Rebuild(),
        Swap(old="Neg", new="Abs"),
        Vandal(),
        keep_going=True,
    )
    assert ops(outcome.model) == ["Relu", "Abs", "If", "Sign", "Abs"]
    assert len(Rebuild.calls) == 1, "a pass that made a new model is dear and not run again"


def test_a_rebuilding_pass_that_is_refused_is_undone() -> None:
    log: list[str] = []
    refuse = Log("v", log, lambda step: PassError("no") if step.item.name == "rebuild" else None)
    outcome = run(Swap(old="Abs", new="Sign"), Rebuild(), look=(refuse,), keep_going=True)
    assert ops(outcome.model) == ["Sign", "Neg", "If", "Sign", "Neg"]


def test_before_builds_the_model_before_each_step_afresh() -> None:
    outcome = run(
        Swap(old="Abs", new="Sign"),
        Swap(old="Neg", new="Abs"),
        Rebuild(),
        Swap(old="Relu", new="Neg"),
    )
    first, second, third, fourth = outcome.steps
    assert text(first.before()) == ORIGINAL
    assert ops(second.before()) == ["Sign", "Neg", "If", "Sign", "Neg"]
    assert ops(third.before()) == ["Sign", "Abs", "If", "Sign", "Abs"]
    assert ops(fourth.before()) == ["Relu", "Abs", "If", "Sign", "Abs"]
    again = second.before()
    again.graph.name = "changed"
    assert text(second.before()) != text(again)
    assert ops(outcome.model) == ["Neg", "Abs", "If", "Sign", "Abs"]


def test_replay_gives_the_same_text_as_the_run() -> None:
    outcome = run(
        Swap(old="Abs", new="Sign"), Swap(old="Neg", new="Relu"), Swap(old="Sign", new="Abs")
    )
    replayed = outcome.steps[2].before()
    Swap(old="Sign", new="Abs").run(replayed, PassContext())
    assert text(replayed) == text(outcome.model)


def test_a_pass_that_matches_nothing_fails_and_says_what_it_skipped() -> None:
    (failure,) = run(Swap(old="Relu", new="Abs")).failures
    assert str(failure.error) == (
        "swap: nothing matched, so the pass changed nothing; skipped Abs 'a': it is Abs, not Relu "
        "(and 3 more); write swap{optional} if that is fine"
    )
    assert failure.step.result is not None, "reports show the skips of a pass that matched nothing"
    assert len(failure.step.result.skips) == 4


def test_optional_accepts_that_nothing_matches() -> None:
    outcome = run(Swap(old="Relu", new="Abs", optional=True))
    assert outcome.failures == ()
    assert text(outcome.model) == ORIGINAL


def test_a_pass_that_need_not_match_may_change_nothing() -> None:
    assert run(Rebuild()).failures == ()


@pytest.mark.parametrize(
    ("condition", "holds"), [("2", True), (">=1", True), ("3", False), ("0", False)]
)
def test_expect_counts_the_rewrites(condition: str, holds: bool) -> None:
    outcome = run(Swap(old="Abs", new="Sign", expect=Expect(condition)))
    if holds:
        assert ops(outcome.model) == ["Sign", "Neg", "If", "Sign", "Neg"]
        return
    assert text(outcome.model) == ORIGINAL
    assert str(outcome.failures[0].error) == (
        f"swap: expect={condition} does not hold, there were 2 rewrites; skipped Neg 'b': it is "
        "Neg, not Abs (and 1 more)"
    )


def test_expect_zero_accepts_that_nothing_matches() -> None:
    assert run(Swap(old="Relu", new="Abs", expect=Expect("0"))).failures == ()


def test_expect_is_stronger_than_optional() -> None:
    outcome = run(Swap(old="Relu", new="Abs", expect=Expect(">=1"), optional=True))
    assert len(outcome.failures) == 1


def test_instrumentations_are_called_in_order() -> None:
    log: list[str] = []
    run(
        Swap(old="Abs", new="Sign"),
        Vandal(),
        Rebuild(),
        look=(Log("one", log), Log("two", log)),
        keep_going=True,
    )
    assert log == [
        "one start 5",
        "two start 5",
        "one before 0 swap{old=Abs,new=Sign}",
        "two before 0 swap{old=Abs,new=Sign}",
        "one after 0",
        "two after 0",
        "one before 1 vandal",
        "two before 1 vandal",
        "one failed 1: vandal: cannot go on",
        "two failed 1: vandal: cannot go on",
        "one before 2 rebuild",
        "two before 2 rebuild",
        "one after 2",
        "two after 2",
        "one finish",
        "two finish",
    ]


def test_a_run_that_ends_early_is_not_finished() -> None:
    log: list[str] = []
    run(Vandal(), Rebuild(), look=(Log("one", log),))
    assert log == ["one start 5", "one before 0 vandal", "one failed 0: vandal: cannot go on"]


def test_an_objection_after_a_pass_undoes_it_and_later_instrumentations_are_not_asked() -> None:
    log: list[str] = []
    refuse = Log("one", log, lambda step: NumericsError("output 'y' differs"))
    outcome = run(Swap(old="Abs", new="Sign"), look=(refuse, Log("two", log)))
    assert text(outcome.model) == ORIGINAL
    assert log[4:] == [
        "one after 0",
        "one failed 0: output 'y' differs",
        "two failed 0: output 'y' differs",
    ]
    (failure,) = outcome.failures
    assert type(failure.error) is NumericsError
    assert failure.step.result is not None
    assert len(failure.step.result.rewrites) == 2


def test_an_objection_at_the_end_rejects_the_run() -> None:
    class Refuse(Observer):
        def finish(self, model: ir.Model) -> None:
            raise NumericsError("the whole differs")

    outcome = run(Swap(old="Abs", new="Sign"), look=(Refuse(),))
    assert str(outcome.rejected) == "the whole differs"
    assert outcome.failures == ()
    assert not outcome.ok


def test_an_error_of_an_instrumentation_that_is_no_objection_is_raised() -> None:
    class Full(Observer):
        def after(self, step: Step) -> None:
            raise GraphfixError("no space left for the dump")

    with pytest.raises(GraphfixError, match="no space left"):
        run(Swap(old="Abs", new="Sign"), look=(Full(),), keep_going=True)


def test_the_context_reaches_every_pass_and_its_replay() -> None:
    seen: list[PassContext] = []

    @dataclass(frozen=True)
    class Look(Pass):
        """Write the context down."""

        name = "look"

        def run(self, model: ir.Model, context: PassContext) -> PassResult:
            seen.append(context)
            return PassResult(model, self.contract)

    context = PassContext()
    PassManager(Pipeline((Look(), Vandal())), context=context).run(source)
    assert len(seen) == 2, "once to run, once to undo the pass after it"
    assert all(item is context for item in seen)


def test_nodes_of_subgraphs_are_counted() -> None:
    assert count_nodes(source()) == 5


@dataclass(frozen=True)
class Counted(Swap):
    """Say when it looks at a node."""

    name = "counted"
    must_match = False
    seen: ClassVar[list[str]] = []

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip:
        self.seen.append(node.op_type)
        return super().rewrite(node, rw)


def looks(*passes: Pass) -> int:
    """How often ``Counted`` passes look at a node when these run."""
    Counted.seen.clear()
    run(*passes)
    return len(Counted.seen)


def test_a_pass_does_not_run_again_on_a_model_that_has_not_changed_since() -> None:
    once, idle = Counted(old="Abs", new="Sign"), Counted(old="Relu", new="Abs")
    assert looks(idle) == 4
    assert looks(idle, idle) == 4
    assert looks(once, once) == 4
    outcome = run(idle, idle)
    first, second = (step.result for step in outcome.steps)
    assert first is not None
    assert second is not None
    assert second.skips == first.skips
    assert outcome.steps[1].nodes == (5, 5)


def test_a_pass_runs_again_on_a_model_that_has_changed_or_may_have() -> None:
    idle = Counted(old="Relu", new="Abs")
    assert looks(idle, Swap(old="Abs", new="Sign"), idle) == 4 + 4
    assert looks(idle, Rebuild(), idle) == 4 + 4, "nobody observed what it did"
    assert looks(idle, Counted(old="Relu", new="Neg")) == 4 + 4, "other options"
    chosen = Counted(old="Abs", new="Sign", select=Selector("k=0"))
    assert looks(chosen, chosen) == 1 + 1, "the first of those that are left is another one"


@dataclass(frozen=True)
class Wrap(RewritePass):
    """Put every Abs into both branches of an If."""

    name = "wrap"
    match_ops = ("Abs",)

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | None:
        if node.graph is not rw.model.graph:
            return None

        def branch(name: str) -> ir.Graph:
            inner = ir.node("Abs", node.inputs, name=name)
            inner.outputs[0].name = f"{name}_out"
            return ir.Graph([], inner.outputs, nodes=[inner], name=name)

        condition = rw.op("IsNaN", node.inputs[0])
        return rw.op(
            "If",
            rw.op("ReduceMax", condition),
            then_branch=ir.AttrGraph("then_branch", branch("yes")),
            else_branch=ir.AttrGraph("else_branch", branch("no")),
        )


def test_nodes_are_counted_when_a_pass_brings_the_first_subgraph() -> None:
    def flat() -> ir.Model:
        model = """
        <ir_version: 8, opset_import: ["" : 16]>
        main (float[2] x) => (float[2] y) { a = Abs (x) y = Neg (a) }
        """
        return ir.from_proto(onnx.parser.parse_model(model))

    swap = Swap(old="Neg", new="Sign")
    outcome = PassManager(Pipeline((swap, Wrap(), Swap(old="Sign", new="Neg")))).run(flat)
    assert outcome.failures == ()
    assert [step.nodes for step in outcome.steps] == [(2, 2), (2, 6), (6, 6)]

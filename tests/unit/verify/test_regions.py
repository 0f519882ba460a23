"""Verification of single rewrites: blame, rollback, sensitivity, what falls back to the whole."""

import resource
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar

import numpy as np
import onnx_ir as ir
import pytest

from graphfix.contract import Close, Contract, Exact, Interface
from graphfix.errors import UsageError
from graphfix.instrumentations import VerifyNumerics
from graphfix.manager import Outcome, PassManager
from graphfix.model import from_text
from graphfix.pipeline import Pipeline
from graphfix.rewrite import Expect, Pass, PassContext, PassResult, RewritePass, Rewriter, Skip
from graphfix.rewrite.rewrite_pass import Replacement
from graphfix.verify import Mode, RegionVerifier, Status, Verification, Verifier
from tests.unit.verify.drive import model

CLOSE = Close()
Build = Callable[[ir.Node, Rewriter], Replacement | Skip]


@dataclass(frozen=True)
class Rewrites(RewritePass):
    """A pass made of a function."""

    name = "rewrites"
    match_ops: ClassVar[tuple[str, ...]] = ()

    op: str = "Relu"
    build: Build = field(default=lambda node, rw: rw.skip("nothing"))
    promise: Contract = CLOSE

    def matches(self, node: ir.Node) -> bool:
        return node.op_type == self.op

    def rewrite(self, node: ir.Node, rw: Rewriter) -> Replacement | Skip:
        if "/" in (node.name or ""):
            return rw.skip("it is new")
        return self.build(node, rw)

    def conclude(self, rewrites: Sequence[object], rw: Rewriter) -> Contract:
        return self.promise


@dataclass(frozen=True)
class Run:
    outcome: Outcome
    steps: dict[int, Verification]
    final: Verification | None

    @property
    def step(self) -> Verification:
        return self.steps[0]


def run(
    text: str, *passes: Pass, keep_going: bool = False, verifier: Verifier | None = None
) -> Run:
    numerics = VerifyNumerics(verifier or RegionVerifier())
    manager = PassManager(Pipeline(passes), instrumentations=[numerics], keep_going=keep_going)
    outcome = manager.run(partial(from_text, text))
    return Run(outcome, numerics.steps, numerics.final)


def swap(node: ir.Node, rw: Rewriter, to: str) -> ir.Value:
    return rw.op(to, *node.inputs)


def error_of(found: Run) -> str:
    return str(found.outcome.failures[0].error)


CHAIN = model(
    " ".join(f"[m{k}] v{k} = Mul (v{k - 1}, w)" if k else "[m0] v0 = Mul (x, w)" for k in range(6))
    + " y = Identity (v5)",
    head="float[2,3] x, float[3] w",
)


def doubled(node: ir.Node, rw: Rewriter, wrong: tuple[str, ...] = ("m3",)) -> ir.Value:
    """``a * b`` as ``(2a * b) / 2``, or divided by 2.02."""
    by = 2.02 if node.name in wrong else 2.0
    a, b = node.inputs
    return rw.op("Div", rw.op("Mul", rw.op("Add", a, a), b), rw.const(by))


def test_right_rewrites_pass_by_region() -> None:
    found = run(CHAIN, Rewrites(op="Mul", build=partial(doubled, wrong=())))
    assert found.outcome.ok
    assert (found.step.status, found.step.mode, found.step.regions) == (
        Status.PASSED,
        Mode.REGION,
        6,
    )
    assert found.final is not None
    assert found.final.passed


def test_one_wrong_rewrite_among_many_is_blamed_alone() -> None:
    found = run(CHAIN, Rewrites(op="Mul", build=doubled))
    assert "rewrites: output 'v3': max |diff|" in error_of(found)
    assert "the rewrite of Mul 'm3' is to blame, 5 of 6 are fine" in error_of(found)
    assert set(found.step.blame) == {3}


def test_one_wrong_rewrite_is_rolled_back_alone() -> None:
    found = run(CHAIN, Rewrites(op="Mul", build=doubled), keep_going=True)
    assert not found.outcome.ok
    assert not found.outcome.failures
    (step,) = found.outcome.steps
    assert step.result is not None
    assert len(step.result.rewrites) == 5
    (skip,) = step.result.skips
    assert (skip.node, skip.op_type) == ("m3", "Mul")
    assert skip.reason.startswith("rolled back: output 'v3': max |diff|")
    assert found.step.passed
    assert found.final is not None
    assert found.final.passed
    assert "m3" in {node.name for node in found.outcome.model.graph}
    assert set(found.outcome.rolled_back) == {0}


def test_rolled_back_rewrites_count_for_what_was_expected() -> None:
    item = Rewrites(op="Mul", build=doubled, expect=Expect("6"))
    found = run(CHAIN, item, keep_going=True)
    assert not found.outcome.failures


def test_several_wrong_rewrites_in_two_passes_are_rolled_back() -> None:
    passes = (
        Rewrites(op="Mul", build=partial(doubled, wrong=("m1", "m4"))),
        Rewrites(op="Identity", build=lambda node, rw: rw.op("Neg", *node.inputs)),
    )
    found = run(CHAIN, *passes, keep_going=True)
    names = {node.name for node in found.outcome.model.graph}
    assert {"m1", "m4"} <= names
    assert not {"m0", "m2", "m3", "m5"} & names
    (failure,) = found.outcome.failures
    assert failure.step.index == 1
    assert found.final is not None
    assert found.final.passed


def test_the_whole_model_finds_the_culprit_by_trying_subsets() -> None:
    found = run(CHAIN, Rewrites(op="Mul", build=doubled), verifier=Verifier())
    assert "the rewrite of Mul 'm3' is to blame, 5 of 6 are fine" in error_of(found)
    assert found.step.mode is Mode.FULL
    found = run(CHAIN, Rewrites(op="Mul", build=doubled), verifier=Verifier(), keep_going=True)
    assert not found.outcome.failures
    assert "m3" in {node.name for node in found.outcome.model.graph}


FAINT = model("[big] a = Mul (x, kilo) [small] b = Mul (x, milli) [sum] y = Add (a, b)").replace(
    "{", "<float[1] kilo = {1000.0}, float[3] milli = {0.001, 0.002, 0.003}> {", 1
)


def test_a_fault_the_outputs_do_not_show_is_seen_in_its_region() -> None:
    def off(node: ir.Node, rw: Rewriter) -> ir.Value | Skip:
        if node.name != "small":
            return rw.skip("it is big")
        weights = rw.constant(node.inputs[1])
        assert weights is not None
        return rw.op("Mul", node.inputs[0], rw.const(weights * np.float32(1.01)))

    item = Rewrites(op="Mul", build=off, promise=Close(rtol=1e-3))
    assert run(FAINT, item, verifier=Verifier()).step.passed
    found = run(FAINT, item)
    assert found.step.status is Status.FAILED
    assert "output 'b': max |diff|" in found.step.reason


def test_an_eliminated_node_is_compared_with_what_stands_in_for_it() -> None:
    text = model("a = Abs (x) [r] b = Relu (a) [n] c = Neg (b) y = Relu (c)")
    right = Rewrites(op="Relu", build=lambda node, rw: _without(node, rw, only="r"))
    assert run(text, right).step.passed
    wrong = Rewrites(op="Neg", build=lambda node, rw: _without(node, rw, only="n"))
    found = run(text, wrong)
    assert "output 'c': max |diff|" in found.step.reason


def _without(node: ir.Node, rw: Rewriter, only: str) -> ir.Value | Skip:
    if node.name != only:
        return rw.skip("another one")
    value = node.inputs[0]
    assert value is not None
    return value


def test_a_constant_in_place_of_a_calculation_is_compared() -> None:
    text = model("[s] s = Shape (x) [c] c = Cast <to = 1> (s) y = Add (x, c)", head="float[3,2] x")
    text = text.replace("float[2,3] y", "float[3,2] y")
    for value, passes in (((3.0, 2.0), True), ((2.0, 3.0), False)):
        item = Rewrites(op="Cast", build=partial(_constant, value=value))
        assert run(text, item).step.passed is passes


def _constant(node: ir.Node, rw: Rewriter, value: tuple[float, ...]) -> ir.Value:
    return rw.const(np.asarray(value, np.float32))


def test_graph_outputs_in_the_middle_and_several_readers() -> None:
    text = model(
        "[r] a = Relu (x) [n] y = Neg (a) [m] z = Mul (a, y)", out="float[2,3] y, float[2,3] z"
    )
    item = Rewrites(op="Neg", build=lambda node, rw: rw.op("Sub", rw.const(0.0), node.inputs[0]))
    found = run(text, item)
    assert (found.step.status, found.step.mode) == (Status.PASSED, Mode.REGION)


def test_a_producer_that_stays_for_others_belongs_to_the_region() -> None:
    text = model(
        "[sp] a, b = Split <axis = 1> (x, parts) y = Abs (a) z = Neg (b)",
        head="float[2,4] x",
        out="float[2,2] y, float[2,2] z",
    ).replace("{ [sp]", "<int64[2] parts = {2, 2}> { [sp]")
    for start, passes in ((0, True), (2, False)):

        def first(node: ir.Node, rw: Rewriter, start: int = start) -> Replacement:
            value = rw.op(
                "Slice", node.inputs[0], rw.const([start]), rw.const([start + 2]), rw.const([1])
            )
            return {node.outputs[0]: value}

        found = run(text, Rewrites(op="Split", build=first))
        assert found.step.mode is Mode.REGION, found.step
        assert found.step.passed is passes


def test_symbolic_sizes_are_all_tried() -> None:
    text = model("[r] y = Relu (x)", head="float[N,3] x", out="float[N,3] y")

    def wrong_above_one(node: ir.Node, rw: Rewriter) -> ir.Value:
        """Right for one row, where the mean over rows is the row."""
        relu = rw.op("Relu", node.inputs[0])
        rest = rw.op("Sub", relu, rw.op("ReduceMean", relu, axes=[0], keepdims=1))
        return rw.op("Sub", relu, rest)

    found = run(text, Rewrites(op="Relu", build=wrong_above_one))
    assert found.step.status is Status.FAILED
    assert found.step.mode is Mode.REGION
    assert len(found.step.bindings) == 2


def test_a_later_pass_reads_what_an_earlier_one_made() -> None:
    first = Rewrites(
        op="Relu", build=lambda n, rw: rw.op("Neg", rw.op("Neg", rw.op("Relu", *n.inputs)))
    )

    @dataclass(frozen=True)
    class NewNegs(Rewrites):
        def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value:
            return rw.op("Mul", node.inputs[0], rw.const(-1.0 if self.promise != Exact() else -2.0))

    text = model("[r] a = Relu (x) y = Abs (a)")
    found = run(text, first, NewNegs(op="Neg"))
    assert [found.steps[k].mode for k in (0, 1)] == [Mode.REGION, Mode.REGION]
    assert found.outcome.ok
    found = run(text, first, NewNegs(op="Neg", promise=Exact()))
    assert found.outcome.failures[0].step.index == 1
    assert "output 'r/Neg_0'" in error_of(found)


def test_a_rewrite_inside_a_pass_that_reads_the_one_before() -> None:
    def build(node: ir.Node, rw: Rewriter) -> ir.Value:
        inner = node.inputs[0]
        producer = inner.producer() if inner is not None else None
        while producer is not None and producer.op_type == "Abs":
            inner = producer.inputs[0]
            producer = inner.producer() if inner is not None else None
        return rw.op("Abs", rw.op("Abs", rw.op("Neg", inner)))

    text = model("[a] b = Neg (x) [c] d = Neg (b) [e] y = Neg (d)")

    @dataclass(frozen=True)
    class Chained(Rewrites):
        pass

    found = run(text, Chained(op="Neg", build=build))
    assert found.step.status is Status.FAILED
    assert found.step.mode is Mode.REGION


def widened(node: ir.Node, rw: Rewriter, last: str = "Neg") -> Replacement:
    """Every value between the nodes gets another axis: only all of them together are the same."""
    (value,) = node.inputs
    if node.name == "first":
        return rw.op("Unsqueeze", rw.op("Neg", value), rw.const([0]))
    if node.name == "last":
        return rw.op("Squeeze", rw.op(last, value), rw.const([0]))
    return rw.op("Neg", value)


@pytest.mark.parametrize(("last", "passes"), [("Neg", True), ("Abs", False)])
def test_rewrites_whose_border_changes_shape_are_judged_together(last: str, passes: bool) -> None:
    text = model("[first] a = Neg (x) [mid] b = Neg (a) [last] c = Neg (b) y = Relu (c)")
    found = run(text, Rewrites(op="Neg", build=partial(widened, last=last)))
    assert found.step.passed is passes, found.step.reason
    assert found.step.mode is Mode.REGION
    if not passes:
        assert not found.step.blame, "nobody can say which of the three it is"


def test_feeds_that_do_not_reach_a_rewrite_give_way_to_made_up_values() -> None:
    text = model("a = Abs (x) b = Add (a, one) n = Neg (b) [r] y = Relu (n)").replace(
        "{", "<float one = {1.0}> {", 1
    )
    good = Rewrites(op="Relu", build=lambda n, rw: rw.op("Max", n.inputs[0], rw.const(0.0)))
    found = run(text, good)
    assert found.step.passed
    assert found.step.reason == (
        "weak evidence at 'r': what it makes is zero on every feed; "
        "it agrees on 3 sets of synthetic values"
    )
    wrong = Rewrites(op="Relu", build=lambda n, rw: rw.op("Sub", n.inputs[0], n.inputs[0]))
    found = run(text, wrong)
    assert found.step.status is Status.FAILED
    assert "(with synthetic values 0)" in found.step.reason
    assert run(text, wrong, verifier=Verifier()).step.passed, "the outputs cannot show it"


IF = """
<ir_version: 8, opset_import: ["" : 16]>
main (float[2] x, bool c) => (float[2] y) {
   [b] b = Neg (x)
   [choose] y = If (c) <
      then_branch = t () => (float[2] v) { [inner] v = Neg (b) },
      else_branch = e () => (float[2] w) { [other] w = Abs (b) }
   >
}
"""


def test_sites_in_a_subgraph_are_judged_on_the_whole_model() -> None:
    item = Rewrites(op="Neg", build=lambda n, rw: rw.op("Sub", rw.const(0.0), n.inputs[0]))
    found = run(IF, item)
    assert found.step.passed
    assert found.step.mode is Mode.FULL
    assert found.step.why_full == (
        "the rewrite of 'inner' cannot be cut out: it is inside a subgraph or a function"
    )
    wrong = Rewrites(op="Abs", build=lambda n, rw: rw.op("Relu", n.inputs[0]))
    assert run(IF, wrong).step.status is Status.FAILED


def test_a_node_that_holds_a_subgraph_is_judged_on_the_whole_model() -> None:
    found = run(IF, Rewrites(op="If", build=lambda n, rw: rw.copy(n)))
    assert found.step.mode is Mode.FULL
    assert found.step.passed
    assert found.step.why_full == "the rewrite of 'choose' cannot be cut out: If holds a subgraph"


def test_a_value_that_is_no_tensor_is_judged_on_the_whole_model() -> None:
    text = model("s = SequenceConstruct (x, x) [c] y = ConcatFromSequence <axis = 0> (s)")
    text = text.replace("float[2,3] y", "float[4,3] y")
    found = run(text, Rewrites(op="ConcatFromSequence", build=lambda n, rw: rw.copy(n)))
    assert found.step.passed
    assert (found.step.mode, found.step.why_full) == (Mode.FULL, "'s' is no tensor")

    def wrong(node: ir.Node, rw: Rewriter) -> ir.Value:
        return rw.op("Neg", rw.copy(node))

    found = run(text, Rewrites(op="ConcatFromSequence", build=wrong))
    assert found.step.status is Status.FAILED


@dataclass(frozen=True)
class BehindTheBack(Rewrites):
    """Edits the graph without the rewriter, too."""

    name = "behind"

    def run(self, model: ir.Model, context: PassContext) -> PassResult:
        result = super().run(model, context)
        for node in list(model.graph):
            if node.op_type == "Neg" and node.inputs[0] is not None:
                ir.convenience.replace_all_uses_with(node.outputs[0], node.inputs[0])
                model.graph.remove(node, safe=True)
        return result


def test_changes_besides_the_rewrites_are_noticed() -> None:
    text = model("a = Neg (x) [r] b = Relu (a) y = Abs (b)")
    item = BehindTheBack(op="Relu", build=lambda n, rw: rw.op("Max", n.inputs[0], rw.const(0.0)))
    found = run(text, item)
    assert found.step.mode is Mode.FULL
    assert found.step.why_full == "the graph has changed besides the rewrites"
    assert found.step.status is Status.FAILED


def test_passes_without_a_rewriter_are_judged_on_the_whole_model() -> None:
    @dataclass(frozen=True)
    class Plain(Pass):
        name = "plain"

        def run(self, model: ir.Model, context: PassContext) -> PassResult:
            return PassResult(model, Exact())

    right = Rewrites(op="Relu", build=lambda n, rw: rw.op("Max", n.inputs[0], rw.const(0.0)))
    last = Rewrites(op="Abs", build=lambda n, rw: rw.op("Relu", n.inputs[0]))
    found = run(model("[r] a = Relu (x) y = Abs (a)"), right, Plain(), last)
    assert [found.steps[k].mode for k in range(3)] == [Mode.REGION, Mode.FULL, Mode.REGION]
    assert found.steps[1].why_full == "the pass does not make all its changes through a rewriter"
    assert found.outcome.ok


def test_a_wrong_rewrite_is_found_before_the_next_whole_model_pass_is_judged() -> None:
    @dataclass(frozen=True)
    class Plain(Pass):
        name = "plain"

        def run(self, model: ir.Model, context: PassContext) -> PassResult:
            return PassResult(model, Exact())

    found = run(CHAIN, Rewrites(op="Mul", build=doubled), Plain())
    assert found.outcome.failures[0].step.index == 0
    assert [step.index for step in found.outcome.steps] == []
    assert {node.op_type for node in found.outcome.model.graph} == {"Mul", "Identity"}
    found = run(CHAIN, Rewrites(op="Mul", build=doubled), Plain(), keep_going=True)
    assert [step.index for step in found.outcome.steps] == [0, 1]
    assert found.final is not None
    assert found.final.passed


def test_functions_are_called_in_regions() -> None:
    text = """
    <ir_version: 8, opset_import: ["" : 17, "own" : 1]>
    main (float[2,3] x) => (float[2,3] y) { [t] a = own.twice (x) [r] y = Relu (a) }
    <domain: "own", opset_import: ["" : 17]> twice (p) => (q) { q = Add (p, p) }
    """
    item = Rewrites(op="twice", build=lambda n, rw: rw.op("Mul", n.inputs[0], rw.const(2.0)))
    found = run(text, item)
    assert (found.step.mode, found.step.status) == (Mode.REGION, Status.PASSED)


def test_names_that_were_taken_over_are_not_mixed_up() -> None:
    """Two values change at once, one feeding the other."""

    def both(node: ir.Node, rw: Rewriter) -> Replacement:
        inner = node.inputs[0]
        assert inner is not None
        producer = inner.producer()
        assert producer is not None
        (x,) = producer.inputs
        return {
            inner: rw.op("Max", x, rw.const(0.0)),
            node.outputs[0]: rw.op("Min", x, rw.const(0.0)),
        }

    text = model("[r] a = Relu (x) [n] b = Neg (a) y = Mul (a, b)")
    found = run(text, Rewrites(op="Neg", build=both))
    assert found.step.mode is Mode.REGION
    assert "output 'b': max |diff|" in found.step.reason
    assert "output 'a'" not in found.step.reason


def test_a_large_intermediate_goes_to_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    from graphfix.verify.regions import store, stretch

    monkeypatch.setattr(stretch, "ValueStore", partial(store.ValueStore, budget=16))
    assert run(CHAIN, Rewrites(op="Mul", build=partial(doubled, wrong=()))).outcome.ok
    assert not run(CHAIN, Rewrites(op="Mul", build=doubled)).outcome.ok


def test_a_full_temporary_folder_is_said_plainly() -> None:
    from graphfix.verify.regions.store import ValueStore

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    values = ValueStore(budget=0)
    try:
        values.put("x", 0, np.zeros(1024, np.float32))
        with pytest.raises(UsageError, match=r"takes no more: .*; make room there, or name"):
            values.put("x", 1, np.zeros(1024, np.float32))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        values.close()


def test_a_name_that_became_free_and_was_given_away_again_is_not_mixed_up() -> None:
    """Three passes make, remove and make again an inner value, of another shape each time."""

    def make(node: ir.Node, rw: Rewriter, axes: tuple[int, ...]) -> ir.Value:
        inner = rw.op("Unsqueeze", rw.op("Relu", node.inputs[0]), rw.const(list(axes)))
        return rw.op("Squeeze", inner, rw.const(list(axes)))

    @dataclass(frozen=True)
    class Always(Rewrites):
        def rewrite(self, node: ir.Node, rw: Rewriter) -> Replacement | Skip:
            return self.build(node, rw)

    def undo(node: ir.Node, rw: Rewriter) -> Replacement | Skip:
        unsqueeze = node.inputs[0].producer() if node.inputs[0] is not None else None
        assert unsqueeze is not None
        assert unsqueeze.inputs[0] is not None
        return rw.op("Identity", unsqueeze.inputs[0])

    def again(node: ir.Node, rw: Rewriter) -> ir.Value:
        inner = rw.op("Unsqueeze", node.inputs[0], rw.const([0, 1]))
        return rw.op("Squeeze", inner, rw.const([0, 1]))

    text = model("[r] a = Relu (x) y = Abs (a)")
    found = run(
        text,
        Rewrites(op="Relu", build=partial(make, axes=(0,))),
        Always(op="Squeeze", build=undo),
        Always(op="Identity", build=again),
    )
    assert found.outcome.ok, found.outcome
    assert [found.steps[k].status for k in range(3)] == [Status.PASSED] * 3


def test_an_interface_is_judged_after_rewrites_that_only_the_original_can_feed() -> None:
    """The first rewrite reads a value that the second one removes."""

    def skip_neg(node: ir.Node, rw: Rewriter, invert: bool) -> ir.Value:
        neg = node.inputs[0].producer() if node.inputs[0] is not None else None
        assert neg is not None
        value = rw.op(node.op_type, neg.inputs[0])
        return rw.op("Reciprocal", value) if invert else value

    found = run(
        model("a = Neg (x) b = Abs (a) c = Exp (a) y = Add (b, c)"),
        Rewrites(op="Abs", build=partial(skip_neg, invert=False)),
        Rewrites(op="Exp", build=partial(skip_neg, invert=True)),
        Rewrites(op="Add", build=partial(swap, to="Add"), promise=Interface()),
    )
    assert found.outcome.ok, found.outcome
    assert [found.steps[k].status for k in range(3)] == [Status.PASSED] * 3
    assert [found.steps[k].mode for k in range(2)] == [Mode.REGION] * 2


def test_an_undone_pass_is_forgotten() -> None:
    """An instrumentation that objects after the verifier has put a pass off."""
    text = model("[r] a = Relu (x) y = Abs (a)")
    verifier = RegionVerifier()
    verifier.start(from_text(text))
    changed = from_text(text)
    item = Rewrites(op="Relu", build=lambda n, rw: rw.op("Neg", n.inputs[0]))
    result = item.run(changed, PassContext())
    verifier.check(
        PassResult(changed, result.contract, result.rewrites, observed=True),
        before=partial(from_text, text),
        again=lambda without: item.run(from_text(text), PassContext(excluded=without)),
    )
    verifier.undo()
    original = from_text(text)
    verifier.settle(original)
    assert not verifier.settled()
    assert verifier.finish(original).passed


def test_passes_after_one_that_was_undone_are_judged_by_region() -> None:
    text = model("[r] a = Relu (x) [n] b = Neg (a) y = Abs (b)")
    wrong = Rewrites(op="Sign")
    right = Rewrites(op="Neg", build=lambda n, rw: rw.op("Sub", rw.const(0.0), n.inputs[0]))
    found = run(text, wrong, right, keep_going=True)
    assert [failure.step.index for failure in found.outcome.failures] == [0]
    assert (found.steps[1].mode, found.steps[1].status) == (Mode.REGION, Status.PASSED)

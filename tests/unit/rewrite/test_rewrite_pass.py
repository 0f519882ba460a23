"""How a rewrite pass walks a model: order, scopes, selection, and what it reports."""

from collections.abc import Sequence
from dataclasses import dataclass

import onnx_ir as ir

from graphfix.contract import Approximate, Close, Contract, Exact
from graphfix.model import check, from_text, to_text
from graphfix.rewrite import (
    PassContext,
    PassResult,
    Rewrite,
    RewritePass,
    Rewriter,
    Selector,
    Skip,
    scopes,
)

MODEL = """
<ir_version: 8, opset_import: ["" : 13, "mine" : 1]>
main (float[2] x, bool c) => (float[2] y, float[2] z, float[2] v)
{
   [one] a = Neg (x)
   [branch] y = If (c) <
      then_branch = yes () => (float[2] t2) { [two] t1 = Neg (a)
         [inner] t2 = If (c) <then_branch = deep () => (float[2] d) { [three] d = Neg (t1) },
                              else_branch = flat () => (float[2] e) { e = Abs (t1) }> },
      else_branch = no () => (float[2] f) { [four] f = Neg (x) }>
   [five] z = Neg (a)
   [call] v = mine.Opposite (x)
}
<domain: "mine", opset_import: ["" : 13]> Opposite (p) => (q) { [six] q = Neg (p) }
"""


@dataclass(frozen=True, kw_only=True)
class NegToMul(RewritePass):
    """Replace ``Neg(x)`` by ``Mul(x, -1)``."""

    name = "neg-to-mul"
    match_ops = ("Neg",)
    contract = Exact()
    avoid: str = ""
    """Name of a node to skip."""

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip:
        if node.name == self.avoid:
            return rw.skip("it is to be avoided")
        return rw.op("Mul", node.inputs[0], rw.const([-1.0]))


def run(item: RewritePass, text: str = MODEL) -> PassResult:
    result = item.run(from_text(text), PassContext())
    check(result.model)
    return result


def sites(result: PassResult) -> list[tuple[str, str]]:
    return [(rewrite.node, rewrite.graph) for rewrite in result.rewrites]


def test_every_scope_is_visited_outside_in() -> None:
    assert sites(run(NegToMul())) == [
        ("one", ""),
        ("five", ""),
        ("two", "yes"),
        ("three", "deep"),
        ("four", "no"),
        ("six", "Opposite"),
    ]


def test_scopes_are_the_graph_its_subgraphs_and_the_functions() -> None:
    names = [scope.name for scope in scopes(from_text(MODEL))]
    assert names == ["main", "yes", "deep", "flat", "no", "Opposite"]


def test_a_second_run_finds_nothing() -> None:
    result = run(NegToMul())
    text = to_text(result.model)
    again = NegToMul().run(result.model, PassContext())
    assert again.rewrites == ()
    assert to_text(result.model) == text


def test_a_selector_counts_over_the_whole_model() -> None:
    assert sites(run(NegToMul(select=Selector("k=0")))) == [("one", "")]
    assert sites(run(NegToMul(select=Selector("k=3,5")))) == [
        ("three", "deep"),
        ("six", "Opposite"),
    ]
    assert sites(run(NegToMul(select=Selector("name=f*")))) == [("five", ""), ("four", "no")]


def test_skips_name_the_node_and_the_reason() -> None:
    result = run(NegToMul(avoid="two"))
    assert len(result.rewrites) == 5
    assert [(s.node, s.op_type, s.reason) for s in result.skips] == [
        ("two", "Neg", "it is to be avoided")
    ]


def test_other_domains_are_other_operators() -> None:
    text = """
        <ir_version: 8, opset_import: ["" : 13, "mine" : 1]>
        main (float[2] x) => (float[2] y) { y = mine.Neg (x) }
    """
    assert sites(run(NegToMul(), text)) == []


@dataclass(frozen=True, kw_only=True)
class DoubleNeg(RewritePass):
    """Remove ``Neg(Neg(x))``."""

    name = "double-neg"
    match_ops = ("Neg",)

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip:
        first = rw.producer(node.inputs[0], "Neg")
        if first is None:
            return rw.skip("its input is no Neg")
        assert first.inputs[0] is not None
        return first.inputs[0]


def test_an_anchor_that_an_earlier_rewrite_consumed_is_passed_over() -> None:
    text = """
        <ir_version: 8, opset_import: ["" : 13]>
        main (float[2] x) => (float[2] y)
        { [n1] a = Neg (x)  [n2] b = Neg (a)  [n3] d = Neg (b)  [n4] e = Neg (d)  y = Abs (e) }
    """
    result = run(DoubleNeg(), text)
    assert [node.op_type for node in result.model.graph] == ["Abs"]
    assert [(r.node, r.removed) for r in result.rewrites] == [
        ("n2", ("n2", "n1")),
        ("n4", ("n4", "n3")),
    ]


@dataclass(frozen=True, kw_only=True)
class DropIf(RewritePass):
    """Replace an If by its condition as a number, and every Neg by Abs."""

    name = "drop-if"
    match_ops = ("If", "Neg")

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip:
        if node.op_type == "Neg":
            return rw.op("Abs", node.inputs[0])
        return rw.op("Expand", rw.op("Cast", node.inputs[0], to=1), rw.const([2]))


def test_anchors_in_a_subgraph_that_is_gone_are_passed_over() -> None:
    result = run(DropIf())
    assert sites(result) == [("one", ""), ("branch", ""), ("five", ""), ("six", "Opposite")]


@dataclass(frozen=True, kw_only=True)
class Promising(NegToMul):
    """Its promise depends on how much it did."""

    name = "promising"

    def conclude(self, rewrites: Sequence[Rewrite], rw: Rewriter) -> Contract:
        return Close() if len(rewrites) > 5 else Approximate()


def test_the_contract_may_depend_on_the_rewrites() -> None:
    assert run(Promising()).contract == Close()
    assert run(Promising(avoid="two")).contract == Approximate()
    nothing = run(Promising(select=Selector("name=none")))
    assert nothing.contract == Exact()


@dataclass(frozen=True, kw_only=True)
class NegOfAbs(RewritePass):
    """Replace ``Neg(Abs(x))`` by ``Mul(Abs(x), -1)``; only the rewrite can tell."""

    name = "neg-of-abs"
    match_ops = ("Neg",)
    contract = Exact()

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | None:
        replacement = rw.op("Mul", node.inputs[0], rw.const([-1.0]))
        return replacement if rw.producer(node.inputs[0], "Abs") else None


def test_a_node_that_is_none_of_its_business_leaves_no_trace() -> None:
    result = run(NegOfAbs())
    assert (result.rewrites, result.skips) == ((), ())
    assert to_text(result.model) == to_text(from_text(MODEL))


@dataclass(frozen=True, kw_only=True)
class FlattenToReshape(RewritePass):
    """Replace Flatten by Reshape where the size of the result is known."""

    name = "flatten-to-reshape"
    match_ops = ("Flatten",)
    contract = Exact()
    reads_shapes = True

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip:
        data, shape = node.inputs[0], node.outputs[0].shape
        if shape is None or not shape.is_static():
            return rw.skip("the shape is not known")
        return rw.op("Reshape", data, rw.const(shape.numpy()))


UNSTATED = """
<ir_version: 8, opset_import: ["" : 13]>
main (float[{batch},3,2] x) => (float[{batch},6] y) {{ a = Abs (x)  b = Flatten (a)  y = Neg (b) }}
"""


def test_shapes_that_nobody_has_stated_are_inferred_for_a_pass_that_reads_them() -> None:
    result = run(FlattenToReshape(), UNSTATED.format(batch=4))
    assert [node.op_type for node in result.model.graph] == ["Abs", "Reshape", "Neg"]


def test_inferred_shapes_go_again_when_nothing_is_rewritten() -> None:
    text = UNSTATED.format(batch="N")
    result = run(FlattenToReshape(), text)
    assert [skip.reason for skip in result.skips] == ["the shape is not known"]
    assert to_text(result.model) == to_text(from_text(text))

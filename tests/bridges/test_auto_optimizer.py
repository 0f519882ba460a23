"""The auto-optimizer pass with the tool itself: its golden cases, and what must not go through."""

from collections import Counter
from pathlib import Path

import ml_dtypes
import numpy as np
import onnx_ir as ir
import pytest

from graphfix.model import check, from_text, infer_shapes, load, save, to_text
from graphfix.pipeline import parse
from graphfix.rewrite import PassContext, PassResult
from graphfix_passes._auto_optimizer_rules import Knowledge
from graphfix_passes.auto_optimizer import AutoOptimizer
from tests import golden
from tests.cli_runner import Result, run

FILE = Path(__file__).parents[2] / "golden" / "passes" / "auto-optimizer.md"
CASES = [case for case in golden.read(FILE) if case.bridge]


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])
def test_case(case: golden.Case, update_golden: bool) -> None:
    golden.run(case, update=update_golden)


def rewritten(model: ir.Model, rule: str) -> PassResult:
    result = AutoOptimizer(knowledge=Knowledge(rule)).run(model, PassContext())
    check(result.model)
    return result


def refused(text: str, rule: str, folder: Path) -> Result:
    """The command on a model that stays as it was, and is not written."""
    source = folder / "model.onnx"
    save(from_text(text), source)
    result = run("apply", source, "--passes", f"auto-optimizer{{knowledge={rule}}}")
    assert not (folder / "model.fixed.onnx").exists()
    assert to_text(load(source)) == to_text(from_text(text))
    return result


MERGED = """
<ir_version: 10, opset_import: ["" : 13, "local" : 1], doc_string: "a model">
main (float[8,6] x, int64[1] stop, bool c) => (float[4,3] y)
<int64[1] s = {2}, int64[1] e = {6}, int64[1] a = {0}, int64[1] s2 = {1}, int64[1] e2 = {4},
 int64[1] a2 = {1}, int64[1] one = {1}>
{
   [f] f = Slice (x, s, e, a, one)
   [second] g = Slice (f, s2, e2, a2, one)
   [call] t = local.Twice (g)
   u = Slice (t, s, stop, a, one)
   v = Slice (u, s2, e2, a2, one)
   [choose] y = If (c) <
      then_branch = yes () => (float[4,3] p) { [add] p = Add (g, t) },
      else_branch = no () => (float[4,3] q) { [keep] q = Identity (t) }
   >
}
<domain: "local", opset_import: ["" : 13]>
Twice (i) => (o) { o = Add (i, i) }
"""


def test_what_the_tool_drops_or_mixes_up_is_as_it_was() -> None:
    model = from_text(MERGED)
    model.graph.doc_string = "a graph"
    model.graph.metadata_props["kept"] = "yes"
    for node in model.graph:
        node.doc_string = f"doc of {node.name}"
    # A default that the caller may replace is no constant; a type that old numpy has not.
    stop = model.graph.inputs[1]
    stop.const_value = ir.tensor(np.array([2]), name="stop")
    model.graph.register_initializer(stop)
    brain = ir.tensor(np.ones(2, ml_dtypes.bfloat16), name="brain")
    model.graph.register_initializer(ir.Value(name="brain", const_value=brain))
    before = to_text(model)
    result = rewritten(model, "merge-consecutive-slice")
    after = result.model
    assert to_text(model) == before
    assert {node.name: node.op_type for node in after.graph if node.name} == {
        "second": "Slice",
        "call": "Twice",
        "choose": "If",
    }
    assert len(after.graph) == 5
    assert (after.doc_string, after.graph.doc_string) == ("a model", "a graph")
    assert after.graph.metadata_props == {"kept": "yes"}
    assert after.opset_imports == {"": 13, "local": 1}
    assert list(after.functions) == list(model.functions)
    assert [n.doc_string for n in after.graph if n.name == "call"] == ["doc of call"]
    assert after.graph.initializers["stop"].is_graph_input()
    assert after.graph.initializers["brain"].const_value is brain
    assert [rewrite.removed for rewrite in result.rewrites] == [("f",)]


LAYER = """
   [{n}q] {n}q = MatMul ({x}, w)
   [{n}qb] {n}qb = Add (b, {n}q)
   [{n}qs] {n}qs = Reshape ({n}qb, split)
   [{n}qt] {n}qt = Transpose <perm = [0, 2, 1, 3]> ({n}qs)
   [{n}k] {n}k = MatMul ({x}, w)
   [{n}kb] {n}kb = Add (b, {n}k)
   [{n}ks] {n}ks = Reshape ({n}kb, split)
   [{n}kt] {n}kt = Transpose <perm = [0, 2, 3, 1]> ({n}ks)
   [{n}v] {n}v = MatMul ({x}, w)
   [{n}vb] {n}vb = Add (b, {n}v)
   [{n}vs] {n}vs = Reshape ({n}vb, split)
   [{n}vt] {n}vt = Transpose <perm = [0, 2, 1, 3]> ({n}vs)
   [{n}qk] {n}qk = MatMul ({n}qt, {n}kt)
   [{n}scaled] {n}scaled = Div ({n}qk, two)
   [{n}masked] {n}masked = Add ({n}scaled, far)
   [{n}soft] {n}soft = Softmax <axis = 3> ({n}masked)
   [{n}a] {n}a = MatMul ({n}soft, {n}vt)
   [{n}at] {n}at = Transpose <perm = [0, 2, 1, 3]> ({n}a)
   [{n}joined] {n}joined = Reshape ({n}at, join)
   [{n}o] {n}o = MatMul ({n}joined, w)
   [{n}ob] {n}ob = Add (b, {n}o)
   [{n}end] {n}end = Add ({n}ob, {x})
"""
NORM = """
   [{n}mean] {n}mean = ReduceMean <axes = [-1]> ({x})
   [{n}sub] {n}sub = Sub ({x}, {n}mean)
   [{n}pow] {n}pow = Pow ({n}sub, two)
   [{n}var] {n}var = ReduceMean <axes = [-1]> ({n}pow)
   [{n}eps] {n}eps = Add ({n}var, small)
   [{n}root] {n}root = Sqrt ({n}eps)
   [{n}div] {n}div = Div ({n}sub, {n}root)
   [{n}mul] {n}mul = Mul ({n}div, b)
   [{n}add] {y} = Add ({n}mul, b)
"""


def test_attention_as_atc_fuses_it(tmp_path: Path) -> None:
    nodes = "".join(
        [
            NORM.format(n="n1", x="x", y="h1"),
            LAYER.format(n="a1", x="h1"),
            NORM.format(n="n2", x="a1end", y="h2"),
            LAYER.format(n="a2", x="h2"),
            NORM.format(n="n3", x="a2end", y="h3"),
        ]
    )
    text = f"""
    <ir_version: 8, opset_import: ["" : 11]>
    main (float[1,3,4] x, float[1,1,1,3] mask) => (float[1,3,4] y)
    <float[4,4] w = {{1, 0.5, 0, 2, -1, 0, 0.5, 1, 0, 1, 1, 0, 0.5, 0, -1, 1}},
     float[4] b = {{0.5, 1, -0.5, 2}}, float two = {{2}}, float small = {{0.00001}},
     float one = {{1}}, float low = {{-10000}}, int64[4] split = {{1, 3, 2, 2}},
     int64[3] join = {{1, 3, 4}}>
    {{
       [mask_sub] m = Sub (one, mask)
       [mask_mul] far = Mul (m, low)
       {nodes}
       [end] y = Relu (h3)
    }}
    """
    source = tmp_path / "model.onnx"
    model = from_text(text)
    infer_shapes(model)
    save(model, source)
    pipeline = "auto-optimizer{knowledge=big-kernel,start=n1add,end=a1end}"
    result = run("apply", source, "--passes", pipeline)
    assert result.code == 0, result.err
    operators = Counter(node.op_type for node in load(tmp_path / "model.fixed.onnx").graph)
    # Only those of the normalisations are left; two dims between the first and the last of them.
    assert operators["Div"] == 3
    assert operators["Reshape"] == 8 + 2


def test_a_rule_that_computes_something_else_is_undone(tmp_path: Path) -> None:
    # Through an integer and back is not the same as not at all.
    text = """
    <ir_version: 8, opset_import: ["" : 13]>
    main (float[4] x) => (float[4] y)
    {
       [neg] n = Neg (x)
       [first] d = Cast <to = 6> (n)
       [second] f = Cast <to = 1> (d)
       [abs] y = Abs (f)
    }
    """
    result = refused(text, "merge-casts", tmp_path)
    assert result.code == 1
    assert "error: auto-optimizer: output 'y': max |diff|" in result.err


def test_types_that_onnx_does_not_have_are_refused(tmp_path: Path) -> None:
    text = """
    <ir_version: 8, opset_import: ["" : 13]>
    main (float[2,8] x) => (float[2,3] v, int64[2,3] i)
    <int64[1] k = {3}>
    {
       [top] v, i = TopK <axis = 1> (x, k)
    }
    """
    result = refused(text, "topk-fix", tmp_path)
    assert result.code == 1
    assert "error: auto-optimizer: types or shapes contradict each other" in result.err
    assert "K input must be of type int64" in result.err


def test_a_value_that_a_branch_reads_must_stay(tmp_path: Path) -> None:
    text = """
    <ir_version: 8, opset_import: ["" : 13]>
    main (float[8,6] x, bool c) => (float[4,3] y, float[4,6] z)
    <int64[1] s = {2}, int64[1] e = {6}, int64[1] a = {0}, int64[1] s2 = {1}, int64[1] e2 = {4},
     int64[1] a2 = {1}, int64[1] one = {1}>
    {
       [first] f = Slice (x, s, e, a, one)
       [second] y = Slice (f, s2, e2, a2, one)
       [choose] z = If (c) <
          then_branch = yes () => (float[4,6] p) { [abs] p = Abs (f) },
          else_branch = no () => (float[4,6] q) { [keep] q = Identity (f) }
       >
    }
    """
    result = refused(text, "merge-consecutive-slice", tmp_path)
    assert result.code == 1
    assert "'f'" in result.err
    assert "Traceback" not in result.err


def test_weights_that_the_caller_may_replace_are_no_constants() -> None:
    text = """
    <ir_version: 3, opset_import: ["" : 13]>
    main (float[8] x, int64[1] s, int64[1] e, int64[1] a) => (float[8] y)
    <int64[1] s = {1}, int64[1] e = {1}, int64[1] a = {0}>
    {
       [nothing] n = Slice (x, s, e, a)
       [join] c = Concat <axis = 0> (x, n)
       [relu] y = Relu (c)
    }
    """
    model = from_text(text)
    (skip,) = rewritten(model, "empty-slice-fix").skips
    assert skip.reason == (
        "the rule empty-slice-fix finds nothing to change; 3 initializers are also inputs, and no "
        "constants until ir:remove-initializers-from-inputs stands in front"
    )
    (first,) = parse("ir:remove-initializers-from-inputs", golden.registry()).passes
    assert rewritten(first.run(model, PassContext()).model, "empty-slice-fix").rewrites


def test_a_rule_that_cannot_see_all_says_so() -> None:
    text = """
    <ir_version: 8, opset_import: ["" : 13]>
    main (float[4] x, bool c) => (float[4] y)
    {
       [neg] n = Neg (x)
       [choose] y = If (c) <
          then_branch = yes () => (float[4] p) { [abs] p = Abs (n) },
          else_branch = no () => (float[4] q) { [keep] q = Identity (n) }
       >
    }
    """
    (skip,) = rewritten(from_text(text), "merge-casts").skips
    assert skip.reason == (
        "the rule merge-casts finds nothing to change; it does not look into branches and loops, "
        "and where these read values around them it may not know the shapes"
    )

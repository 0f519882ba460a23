"""The sim pass: what onnxsim must not change, what it must not lose, and how it may fail."""

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

from graphfix.contract import Close, Interface
from graphfix.errors import PassError
from graphfix.model import check, diff, from_text, load, to_text
from graphfix.rewrite import PassContext, PassResult, Selector
from graphfix.runners.onnxruntime import Session
from graphfix.sandbox import Ending, Outcome
from graphfix_passes._native import Tool
from graphfix_passes.sim import Sim

EXAMPLES = Path(__file__).parents[2] / "examples"

SHAPES = """
<ir_version: 8, opset_import: ["" : 13], producer_name: "exporter",
 metadata_props: ["author": "somebody"], doc_string: "a model">
main (float[N,4,3] x) => (float[N,12] y)
<int64[1] minus = {-1}, int64 zero = {0}, float[12] bias = {1,2,3,4,5,6,7,8,9,10,11,12}>
{
   [shape] s = Shape(x)
   [batch] n = Gather <axis = 0> (s, zero)
   [axes] n1 = Unsqueeze(n, first)
   [both] target = Concat <axis = 0> (n1, minus)
   [flat] f = Reshape(x, target)
   [same] g = Identity(f)
   [move] y = Add(g, bias)
}
""".replace("zero = {0}", "zero = {0}, int64[1] first = {0}")


def run(model: ir.Model, **options: Any) -> PassResult:
    result = Sim(**options).run(model, PassContext())
    check(result.model)
    return result


def ops(model: ir.Model) -> dict[str, int]:
    return dict(Counter(node.op_type for node in model.graph.all_nodes()))


def numbers(model: ir.Model, **feeds: Any) -> dict[str, np.ndarray]:
    outputs = Session(model).run({name: np.asarray(feed) for name, feed in feeds.items()})
    return {name: np.asarray(array) for name, array in outputs.items()}


def rich() -> ir.Model:
    model = from_text(SHAPES)
    for node in model.graph:
        node.doc_string = f"doc of {node.name}"
        node.metadata_props["kept"] = node.op_type
    model.graph.doc_string = "a graph"
    model.graph.metadata_props["graph"] = "yes"
    model.graph.inputs[0].meta["quant_parameter_tensor_names"] = {"SCALE_TENSOR": "bias"}
    model.graph.inputs[0].doc_string = "the input"
    return model


def test_shape_arithmetic_is_folded() -> None:
    result = run(from_text(SHAPES), shape=("x:2,4,3",))
    assert ops(result.model) == {"Reshape": 1, "Add": 1}
    x = np.arange(24, dtype=np.float32).reshape(2, 4, 3)
    assert np.array_equal(numbers(result.model, x=x)["y"], numbers(from_text(SHAPES), x=x)["y"])


def test_what_onnxsim_drops_is_put_back() -> None:
    before = rich()
    result = run(rich())
    after = result.model
    assert "Identity" not in ops(after)
    assert result.rewrites
    assert (after.doc_string, after.producer_name) == ("a model", "exporter")
    assert after.metadata_props == {"author": "somebody"}
    assert (after.graph.doc_string, after.graph.metadata_props) == ("a graph", {"graph": "yes"})
    assert after.graph.opset_imports == before.graph.opset_imports
    assert after.graph.inputs[0].shape == ir.Shape(["N", 4, 3])
    assert after.graph.inputs[0].doc_string == "the input"
    assert after.graph.inputs[0].meta["quant_parameter_tensor_names"] == {"SCALE_TENSOR": "bias"}
    last = after.graph[-1]
    assert (last.name, last.doc_string) == ("move", "doc of move")
    assert last.metadata_props == {"kept": "Add"}
    assert after.graph.outputs[0].shape == ir.Shape(["N", 12])


def test_untouched_weights_are_the_very_same_tensors() -> None:
    model = from_text(SHAPES)
    tensor = model.graph.initializers["bias"].const_value
    assert run(model).model.graph.initializers["bias"].const_value is tensor


def test_a_second_run_changes_nothing() -> None:
    first = run(rich())
    text = to_text(first.model)
    second = run(first.model)
    assert second.model is first.model
    assert second.rewrites == ()
    assert to_text(second.model) == text


def test_a_model_that_cannot_be_simpler_stays_as_it_is() -> None:
    model = from_text(
        '<ir_version: 8, opset_import: ["" : 13]> g (float[N] x) => (float[N] y) { y = Relu(x) }'
    )
    result = run(model)
    assert result.model is model
    assert result.rewrites == ()
    assert model.graph[0].name == ""


def test_random_nodes_are_neither_merged_nor_folded() -> None:
    model = from_text(
        """
        <ir_version: 8, opset_import: ["" : 15]>
        main (float[3] x, bool c) => (float[3] y, float[3] z)
        { a = RandomNormal <shape: ints = [3]> ()
          b = RandomNormal <shape: ints = [3]> ()
          d = RandomUniform <seed = 3.0, shape: ints = [3]> ()
          e = RandomUniform <seed = 3.0, shape: ints = [3]> ()
          same1 = Abs(x)
          same2 = Abs(x)
          z = If(c) <then_branch = t () => (float[3] t3)
                      { t1 = RandomNormalLike(x) t2 = RandomNormalLike(x) t3 = Sub(t1, t2) },
                     else_branch = f () => (float[3] f1) { f1 = Neg(x) }>
          y = Sum(a, b, d, e, same1, same2) }
        """
    )
    result = run(model)
    assert ops(result.model) == {
        "RandomNormal": 2,
        "RandomUniform": 2,
        "RandomNormalLike": 2,
        "Abs": 1,
        "Sum": 1,
        "Sub": 1,
        "Neg": 1,
        "If": 1,
    }
    seeds = [node.attributes.get_float("seed", -1.0) for node in result.model.graph[:4]]
    assert seeds == [-1.0, -1.0, 3.0, 3.0]


def test_calls_of_functions_that_draw_are_not_merged() -> None:
    model = from_text(
        """
        <ir_version: 8, opset_import: ["" : 15, "mine" : 1]>
        main (float[3] x) => (float[3] y, float[3] z)
        { a = mine.Noise(x)  b = mine.Noise(x)  y = Sub(a, b)
          c = mine.Twice(x)  d = mine.Twice(x)  z = Mul(c, d) }
        <domain: "mine", opset_import: ["" : 15]> Draw (p) => (q) { q = RandomNormalLike(p) }
        <domain: "mine", opset_import: ["" : 15, "mine" : 1]> Noise (p) => (q) { q = mine.Draw(p) }
        <domain: "mine", opset_import: ["" : 15]> Twice (p) => (q) { q = Add(p, p) }
        """
    )
    result = run(model)
    assert ops(result.model) == {"Noise": 2, "Twice": 1, "Sub": 1, "Mul": 1}
    assert [name for _, name, _ in result.model.functions] == ["Draw", "Noise", "Twice"]
    for node in result.model.graph:
        assert not node.attributes


def test_attention_stays_in_standard_operators() -> None:
    width = 8
    weights = ", ".join(
        f"float[{width},{width}] w{k} = {{{','.join(['0.1'] * width * width)}}}" for k in "qkv"
    )
    model = from_text(
        f"""
        <ir_version: 8, opset_import: ["" : 13]>
        main (float[1,4,{width}] x) => (float[1,4,{width}] y)
        <{weights}, int64[4] split = {{1,4,2,4}}, int64[3] join = {{1,4,{width}}},
         float s = {{0.5}}>
        {{
          q0 = MatMul(x, wq) q1 = Reshape(q0, split) q = Transpose <perm = [0,2,1,3]> (q1)
          k0 = MatMul(x, wk) k1 = Reshape(k0, split) k = Transpose <perm = [0,2,3,1]> (k1)
          v0 = MatMul(x, wv) v1 = Reshape(v0, split) v = Transpose <perm = [0,2,1,3]> (v1)
          a0 = MatMul(q, k) a1 = Mul(a0, s) a2 = Softmax <axis = -1> (a1)
          o0 = MatMul(a2, v) o1 = Transpose <perm = [0,2,1,3]> (o0) y = Reshape(o1, join)
        }}
        """
    )
    x = np.random.default_rng(0).normal(size=(1, 4, width)).astype(np.float32)
    before = numbers(model, x=x)["y"]
    result = run(model)
    assert {node.domain for node in result.model.graph} <= {"", "ai.onnx"}
    assert set(result.model.graph.opset_imports) == {""}
    np.testing.assert_allclose(numbers(result.model, x=x)["y"], before, rtol=1e-5)


DEFAULTS = """
<ir_version: 3, opset_import: ["" : 9]>
main (float[2] x, float[2] w, float[2] v) => (float[2] y)
<float[2] w = {1, 2}, float[2] v = {3, 4}>
{ [a] s = Add(w, v)  [b] n = Identity(s)  [c] y = Mul(x, n) }
"""


def test_initializers_that_are_inputs_stay_replaceable() -> None:
    result = run(from_text(DEFAULTS))
    assert [value.name for value in result.model.graph.inputs] == ["x", "w", "v"]
    assert set(result.model.graph.initializers) == {"w", "v"}
    assert ops(result.model) == {"Add": 1, "Mul": 1}
    assert result.contract == Close()
    assert result.notes == (
        (
            "2 initializers are also inputs, so they were not folded; sim{freeze} takes them for "
            "constants"
        ),
    )
    again = run(result.model)
    assert again.model is result.model


def test_initializers_that_are_inputs_become_constants_when_asked() -> None:
    result = run(from_text(DEFAULTS), freeze=True)
    assert [value.name for value in result.model.graph.inputs] == ["x"]
    assert ops(result.model) == {"Mul": 1}
    assert result.model.ir_version == 4
    assert isinstance(result.contract, Interface)
    assert result.contract.inputs == {"x": "x"}
    assert numbers(result.model, x=np.array([1, 10], np.float32))["y"].tolist() == [4, 60]
    again = run(result.model, freeze=True)
    assert (again.model, again.rewrites) == (result.model, ())


def test_unknown_operators_survive_and_may_be_fed_by_folded_values() -> None:
    model = from_text(
        """
        <ir_version: 8, opset_import: ["" : 13, "custom" : 4]>
        main (float[2] x) => (float[2] y) <float[2] w = {1, 2}>
        { [sum] s = Add(w, w)  [foo] y = custom.Foo <mode = "a", none: ints = []> (x, s) }
        """
    )
    result = run(model)
    assert ops(result.model) == {"Foo": 1}
    assert result.model.graph.opset_imports == {"": 13, "custom": 4}
    foo = result.model.graph[0]
    assert foo.attributes.get_string("mode") == "a"
    assert list(foo.attributes["none"].as_ints()) == []


def test_batch_normalization_goes_into_the_convolution() -> None:
    def model() -> ir.Model:
        return from_text(
            """
            <ir_version: 8, opset_import: ["" : 13]>
            main (float[N,1,4,4] x) => (float[N,2,4,4] y)
            <float[2,1,1,1] w = {1, 2}, float[2] s = {0.5, 0.25}, float[2] b = {1, 2},
             float[2] m = {0.1, 0.2}, float[2] v = {1.5, 2.5}>
            { [conv] c = Conv(x, w)  [norm] y = BatchNormalization(c, s, b, m, v) }
            """
        )

    fused = run(model())
    assert ops(fused.model) == {"Conv": 1}
    x = np.random.default_rng(0).normal(size=(2, 1, 4, 4)).astype(np.float32)
    want = numbers(model(), x=x)["y"]
    np.testing.assert_allclose(numbers(fused.model, x=x)["y"], want, rtol=1e-5, atol=1e-6)
    kept = run(model(), skip=("fuse_bn_into_conv",))
    assert ops(kept.model) == {"Conv": 1, "BatchNormalization": 1}


def test_folding_is_bounded_in_bytes() -> None:
    model = from_text(
        """
        <ir_version: 8, opset_import: ["" : 13]>
        main (float[64] x) => (float[64,64] y) <int64[2] size = {64, 64}>
        { big = ConstantOfShape(size)  y = Add(big, x) }
        """
    )
    assert "ConstantOfShape" in ops(run(model.clone(), fold_limit=1000).model)
    assert "ConstantOfShape" not in ops(run(model.clone()).model)
    assert "ConstantOfShape" in ops(run(model.clone(), skip_folding=True).model)


def test_sizes_of_inputs_hold_in_the_whole_model() -> None:
    result = run(from_text(SHAPES), shape=("x:2,4,3",), skip_optimization=True, skip_folding=True)
    assert isinstance(result.contract, Interface)
    assert result.contract.outputs == {"y": "y"}
    assert result.contract.base == Close()
    assert result.model.graph.inputs[0].shape == ir.Shape([2, 4, 3])
    assert result.model.graph.outputs[0].shape == ir.Shape([2, 12])
    again = run(result.model, shape=("x:2,4,3",), skip_optimization=True, skip_folding=True)
    assert again.rewrites == ()
    assert again.contract == Close()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("z:1", "shape=z:1: there is no input 'z'; inputs: x"),
        ("x:1,2", "shape=x:1,2: the input has 3 dims, not 2"),
        ("x:2,5,3", "shape=x:2,5,3: dim 1 of the input is 4 and stays so"),
        ("x:M,4,3", "shape=x:M,4,3: dim 0 is 'M', which is not a size"),
    ],
)
def test_sizes_that_cannot_be_are_refused(text: str, message: str) -> None:
    with pytest.raises(PassError) as caught:
        run(from_text(SHAPES), shape=(text,))
    assert str(caught.value) == message


def test_one_dim_name_has_one_size() -> None:
    model = from_text(
        """
        <ir_version: 8, opset_import: ["" : 13]>
        main (float[N] a, float[N] b) => (float[N] y) { y = Add(a, b) }
        """
    )
    with pytest.raises(PassError) as caught:
        run(model.clone(), shape=("a:2", "b:3"))
    assert str(caught.value) == "shape=b:3: dim 'N' cannot be both 2 and 3"
    result = run(model, shape=("a:2",))
    assert [value.shape for value in result.model.graph.inputs] == [ir.Shape([2]), ir.Shape([2])]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"select": Selector("op=Conv")}, "onnxsim simplifies whole models; remove select="),
        ({"fold_limit": -1}, "fold-limit=-1 is not between 0 and 2147473648"),
        ({"timeout": 0}, "timeout must be positive, and memory must not be negative"),
    ],
)
def test_options_without_sense_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(PassError) as caught:
        run(from_text(SHAPES), **options)
    assert str(caught.value) == message


def test_an_unknown_optimizer_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(PassError) as caught:
        run(from_text(SHAPES), skip=("fuse_bn_into_con",))
    assert "unknown optimizer fuse_bn_into_con; known: " in str(caught.value)
    assert "fuse_bn_into_conv" in str(caught.value)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc on this system")
def test_the_memory_limit_is_an_error_and_the_model_stays() -> None:
    model = from_text(SHAPES)
    text = to_text(model)
    with pytest.raises(PassError) as caught:
        run(model, memory=20)
    assert str(caught.value) == (
        "onnxsim was stopped when it took more than 20 MiB of memory; allow more with "
        "sim{memory=...}, or make less with sim{fold-limit=...}"
    )
    assert to_text(model) == text


def test_a_failure_quotes_onnxsim() -> None:
    model = from_text(SHAPES)
    model.graph[-1].attributes.add(ir.AttrInt64("nonsense", 1))
    with pytest.raises(PassError) as caught:
        Sim().run(model, PassContext())
    first, *quoted = str(caught.value).splitlines()
    assert first == (
        "onnxsim failed; less of it may work: sim{skip-optimization}, sim{skip-folding} or "
        "sim{skip-shape-inference}; it said last:"
    )
    assert any("nonsense" in line for line in quoted)


@pytest.mark.parametrize(
    ("ending", "start"),
    [
        (Ending.TIMEOUT, "onnxsim was stopped after 600 s; allow more with sim{timeout=...}"),
        (Ending.CRASHED, "onnxsim crashed (SIGSEGV); less of it may work: "),
    ],
)
def test_every_ending_has_its_message(
    ending: Ending, start: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = Outcome(ending, -11, 1.0, 0, "some\nlines")
    module = sys.modules[Tool.__module__]
    monkeypatch.setattr(module, "run_isolated", lambda *args, **options: outcome)
    with pytest.raises(PassError) as caught:
        Sim().run(from_text(SHAPES), PassContext())
    assert str(caught.value).startswith(start)


@pytest.mark.parametrize("name", ["starnet.onnx", "starnet_placeholder.onnx"])
def test_real_exports_become_smaller_and_stay_equal(name: str) -> None:
    before = load(EXAMPLES / name)
    result = run(load(EXAMPLES / name))
    assert len(result.model.graph) < 0.3 * len(before.graph)
    assert [value.shape for value in result.model.graph.inputs] == [
        value.shape for value in before.graph.inputs
    ]
    x = np.random.default_rng(0).normal(size=(2, 3, 32, 100)).astype(np.float32)
    want, got = numbers(before, x=x), numbers(result.model, x=x)
    assert list(want) == list(got)
    for output, array in want.items():
        np.testing.assert_allclose(got[output], array, rtol=1e-4, atol=1e-5)
    again = run(result.model)
    assert again.rewrites == ()
    assert diff(again.model, result.model).empty

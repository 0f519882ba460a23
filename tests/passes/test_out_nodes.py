"""The out-nodes pass: which values become outputs, what is removed, what is refused."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

from graphfix.contract import Interface
from graphfix.errors import PassError
from graphfix.model import check, from_text, to_text
from graphfix.rewrite import PassContext, PassResult
from graphfix.runners.onnxruntime import Session
from graphfix_passes.out_nodes import OutNodes

DETECTOR = """
<ir_version: 8, opset_import: ["" : 13]>
main (float[1,6,4] boxes_in, float[1,2,6] scores_in, float[N] other) => (int64[M,3] picked)
<int64 most = {3}, float iou = {0.5}, float score = {0.1}, float[1,6,4] scale = {
 1,1,1,1, 1,1,1,1, 1,1,1,1, 1,1,1,1, 1,1,1,1, 1,1,1,1}>
{
   [scaled] boxes = Mul(boxes_in, scale)
   [act] scores = Sigmoid(scores_in)
   [nms] picked = NonMaxSuppression(boxes, scores, most, iou, score)
}
"""
BRANCHES = """
<ir_version: 8, opset_import: ["" : 13]>
main (float[2] x, bool c) => (float[2] y, float[2] z)
<float[2] w = {1, 2}, float[2] dead = {3, 4}>
{
   [first] a = Add(x, w)
   [branch] y = If(c) <then_branch = t () => (float[2] t1) { t1 = Mul(a, w) },
                       else_branch = e () => (float[2] e1) { e1 = Sub(a, dead) }>
   [last] z = Neg(a)
}
"""


def run(model: ir.Model, **options: Any) -> PassResult:
    result = OutNodes(**options).run(model, PassContext())
    check(result.model)
    return result


def outputs(model: ir.Model) -> list[str | None]:
    return [value.name for value in model.graph.outputs]


def numbers(model: ir.Model, feeds: Mapping[str, np.ndarray], *extra: str) -> dict[str, Any]:
    return Session(model, outputs=extra).run(feeds)


def feeds(seed: int = 0) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    return {
        "boxes_in": generator.uniform(-1, 1, (1, 6, 4)).astype(np.float32),
        "scores_in": generator.uniform(-3, 3, (1, 2, 6)).astype(np.float32),
        "other": np.zeros(2, np.float32),
    }


def test_computed_inputs_of_a_selected_node_become_outputs() -> None:
    result = run(from_text(DETECTOR), keep=("ins(op=NonMaxSuppression)",))
    assert outputs(result.model) == ["boxes", "scores"]
    assert [node.op_type for node in result.model.graph] == ["Mul", "Sigmoid"]
    assert list(result.model.graph.initializers) == ["scale"]
    assert result.rewrites[0].removed == ("nms",)
    assert result.rewrites[0].note == "outputs were picked"
    assert isinstance(result.contract, Interface)
    assert result.contract.outputs == {"boxes": "boxes", "scores": "scores"}
    want = numbers(from_text(DETECTOR), feeds(), "boxes", "scores")
    got = numbers(result.model, feeds())
    assert list(got) == ["boxes", "scores"]
    for name, array in got.items():
        assert np.array_equal(array, want[name])


def test_outputs_are_typed_shaped_and_in_the_given_order() -> None:
    result = run(from_text(DETECTOR), keep=("scores", "scaled:0", "picked"))
    assert outputs(result.model) == ["scores", "boxes", "picked"]
    first, second, _ = result.model.graph.outputs
    assert (first.dtype, first.shape) == (ir.DataType.FLOAT, ir.Shape([1, 2, 6]))
    assert (second.dtype, second.shape) == (ir.DataType.FLOAT, ir.Shape([1, 6, 4]))
    assert result.rewrites[0].removed == ()


def test_inputs_that_nothing_reads_stay_and_are_named() -> None:
    result = run(from_text(DETECTOR), keep=("scores",))
    assert [value.name for value in result.model.graph.inputs] == [
        "boxes_in",
        "scores_in",
        "other",
    ]
    assert result.notes == (
        (
            "inputs that nothing reads any more: boxes_in, other; remove them with "
            "out-nodes{drop-inputs}"
        ),
    )


def test_inputs_that_nothing_reads_are_dropped_when_asked() -> None:
    result = run(from_text(DETECTOR), keep=("scores",), drop_inputs=True)
    assert [value.name for value in result.model.graph.inputs] == ["scores_in"]
    assert isinstance(result.contract, Interface)
    assert result.contract.inputs == {"scores_in": "scores_in"}
    assert result.notes == ()


def test_outputs_are_renamed_and_the_contract_says_from_what() -> None:
    result = run(from_text(DETECTOR), keep=("boxes", "scores"), rename=("b", "s"))
    assert outputs(result.model) == ["b", "s"]
    assert isinstance(result.contract, Interface)
    assert result.contract.outputs == {"b": "boxes", "s": "scores"}
    assert [node.op_type for node in result.model.graph] == ["Mul", "Sigmoid"]


def test_the_name_of_a_removed_output_can_be_given_again() -> None:
    result = run(from_text(DETECTOR), keep=("scores",), rename=("picked",))
    assert outputs(result.model) == ["picked"]
    want = numbers(from_text(DETECTOR), feeds(), "scores")["scores"]
    assert np.array_equal(numbers(result.model, feeds())["picked"], want)


def test_two_outputs_can_swap_their_names() -> None:
    result = run(from_text(BRANCHES), keep=("y", "z"), rename=("z", "y"))
    assert outputs(result.model) == ["z", "y"]
    values = {"x": np.array([1, 2], np.float32), "c": np.array(True)}
    before, after = numbers(from_text(BRANCHES), values), numbers(result.model, values)
    assert np.array_equal(before["y"], after["z"])
    assert np.array_equal(before["z"], after["y"])


def test_a_second_run_changes_nothing() -> None:
    for options in (
        {"keep": ("boxes", "scores")},
        {"keep": ("boxes", "scores"), "rename": ("b", "s")},
        {"keep": ("ins(op=NonMaxSuppression)",)},
        {"keep": ("scores_in", "scores", "scores"), "rename": ("a", "b", "c")},
    ):
        result = run(from_text(DETECTOR), **options)
        text = to_text(result.model)
        again = run(result.model, **options)
        assert again.rewrites == ()
        assert to_text(again.model) == text


def test_captures_of_subgraphs_are_needed() -> None:
    result = run(from_text(BRANCHES), keep=("y",))
    assert [node.name for node in result.model.graph] == ["first", "branch"]
    assert set(result.model.graph.initializers) == {"w", "dead"}


def test_what_only_removed_subgraphs_read_is_removed() -> None:
    result = run(from_text(BRANCHES), keep=("z",))
    assert [node.name for node in result.model.graph] == ["first", "last"]
    assert list(result.model.graph.initializers) == ["w"]


def test_an_input_and_an_initializer_can_be_outputs() -> None:
    result = run(from_text(BRANCHES), keep=("x", "w"), rename=("x_out", "w_out"))
    assert outputs(result.model) == ["x_out", "w_out"]
    assert [node.op_type for node in result.model.graph] == ["Identity", "Identity"]
    values = {"x": np.array([1, 2], np.float32), "c": np.array(True)}
    got = numbers(result.model, values)
    assert got["x_out"].tolist() == [1, 2]
    assert got["w_out"].tolist() == [1, 2]


def test_a_value_can_be_kept_twice_under_two_names() -> None:
    result = run(from_text(BRANCHES), keep=("z", "z"), rename=("one", "two"))
    values = {"x": np.array([1, 2], np.float32), "c": np.array(True)}
    got = numbers(result.model, values)
    assert got["one"].tolist() == got["two"].tolist() == [-2, -4]


def test_an_unnamed_dead_type_is_inferred() -> None:
    model = from_text(BRANCHES)
    for node in model.graph:
        for value in node.outputs:
            if value.name == "a":
                value.type = value.shape = None
    result = run(model, keep=("a",))
    assert result.model.graph.outputs[0].shape == ir.Shape([2])


def test_an_unknown_name_is_skipped_with_similar_ones() -> None:
    model = from_text(DETECTOR)
    text = to_text(model)
    result = run(model, keep=("scores", "boxs"))
    assert result.rewrites == ()
    assert result.skips[0].reason == (
        "no value or node output is called 'boxs'; similar: boxes, boxes_in"
    )
    assert to_text(result.model) == text


def test_a_selector_that_selects_nothing_is_skipped() -> None:
    result = run(from_text(DETECTOR), keep=("in0(op=TopK)",))
    assert result.skips[0].reason == "'in0(op=TopK)' selects no node"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"keep": ("y",), "rename": ("a", "b")},
            "rename= has 2 names for 1 outputs: y",
        ),
        (
            {"keep": ("y", "y")},
            "two outputs are called 'y'; give them names with rename=[...]",
        ),
        ({"keep": ("z",), "rename": ("x",)}, "rename=x: another value has this name"),
        (
            {"keep": ("t1",)},
            (
                "'t1' is made inside a subgraph (t), which may run never or several times; only "
                "values of the main graph can be outputs"
            ),
        ),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(PassError) as caught:
        run(from_text(BRANCHES), **options)
    assert str(caught.value) == message


def test_a_value_without_a_type_is_refused() -> None:
    model = from_text(
        """
        <ir_version: 8, opset_import: ["" : 13, "custom" : 1]>
        main (float[2] x) => (float[2] y) { h = custom.Foo(x)  y = custom.Bar(h) }
        """
    )
    with pytest.raises(PassError, match="the type of 'h' cannot be inferred, an output needs one"):
        OutNodes(keep=("h",)).run(model, PassContext())


def test_nothing_to_keep_is_wrong_usage() -> None:
    with pytest.raises(ValueError, match=r"keep= must name at least one value, as in out-nodes\{"):
        OutNodes(keep=())

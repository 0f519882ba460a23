"""Calls of custom operators in a model: what joins it, what is shared, what is taken back."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import onnx_ir as ir
import pytest

from graphfix import ops
from graphfix.errors import PassError, UsageError
from graphfix.model import check, from_text, infer_shapes, load, save, to_text
from graphfix.rewrite import PassContext, RewritePass, Rewriter, Skip
from graphfix.runners.onnxruntime import Session
from tests.unit.ops.one_call import run

THREE = """
<ir_version: 7, opset_import: ["" : 13]>
main (float[1,1,5,5] x, float[1,3,5,5] offsets, float[1,3,3,3] small)
   => (float[1,1,5,5] y, float[1,1,3,3] c)
<float[1,1,1,1] w = {2}>
{
   [first] a = Conv (x, w)
   [second] b = Conv (a, w)
   [third] c = Conv <strides = [2, 2]> (b, w)
   y = Add (a, b)
}
"""


@dataclass(frozen=True, kw_only=True)
class Deform(RewritePass):
    """Every Conv becomes a DeformableConv2D without displacement."""

    name = "deform"
    match_ops: ClassVar[tuple[str, ...]] = ("Conv",)
    refuse: bool = False

    def rewrite(self, node: ir.Node, rw: Rewriter) -> Sequence[ir.Value] | Skip:
        strides = rw.attr_ints(node, "strides", (1, 1)) or ()
        offsets = rw.model.graph.inputs[1 if strides == (1, 1) else 2]
        outputs = ops.call(
            rw, "DeformableConv2D", *node.inputs, offsets, strides=strides, pads=(0, 0)
        )
        return rw.skip("changed its mind") if self.refuse else outputs


def _converted() -> ir.Model:
    model = from_text(THREE)
    Deform().run(model, PassContext())
    check(model)
    infer_shapes(model)
    return model


def test_equal_calls_share_a_function_and_others_do_not() -> None:
    model = _converted()
    overloads = [node.overload for node in model.graph if node.domain == "ascend"]
    assert len(overloads) == 3
    assert overloads[0] == overloads[1] != overloads[2]
    assert sorted(model.functions) == sorted(
        ("ascend", "DeformableConv2D", overload) for overload in set(overloads)
    )
    assert model.opset_imports["ascend"] == 1
    assert model.ir_version == 10


def test_a_call_carries_every_attribute() -> None:
    call = next(node for node in _converted().graph if node.domain == "ascend")
    assert {name: item.value for name, item in call.attributes.items()} == {
        "strides": (1, 1),
        "pads": (0, 0),
        "dilations": (1, 1),
        "groups": 1,
        "deformable_groups": 1,
        "data_format": "NCHW",
    }


def test_the_model_is_the_same_after_a_file_and_after_text(tmp_path: Path) -> None:
    model = _converted()
    path = tmp_path / "m.onnx"
    save(model, path)
    again, text = load(path), from_text(to_text(model))
    x = np.random.default_rng(0).random((1, 1, 5, 5), np.float32)
    still = np.concatenate([np.zeros((1, 2, 5, 5)), np.ones((1, 1, 5, 5))], 1).astype(np.float32)
    feeds = {"x": x, "offsets": still, "small": still[:, :, :3, :3]}
    for each in (model, again, text):
        y = np.asarray(Session(each).run(feeds)["y"])
        np.testing.assert_allclose(y, 2 * x + 4 * x, rtol=1e-6)


def test_outputs_get_type_and_shape() -> None:
    model = from_text(THREE)
    Deform().run(model, PassContext())
    third = next(node for node in model.graph if node.domain == "ascend")
    assert third.outputs[0].dtype == ir.DataType.FLOAT
    assert list(third.outputs[0].shape or ()) == [1, 1, 5, 5]


def test_an_abandoned_rewrite_leaves_the_model_as_it_was() -> None:
    model = from_text(THREE)
    before = to_text(model)
    Deform(refuse=True).run(model, PassContext())
    assert to_text(model) == before
    assert not model.functions


NESTED = """
<ir_version: 8, opset_import: ["" : 13, "local" : 1]>
main (float[1,1,4,4] x) => (float[1,1,4,4] y)
{
   y = local.Block (x)
}
<domain: "local", opset_import: ["" : 13]>
Block (x) => (y)
{
   w = Constant <value = float[1,1,1,1] {3.0}> ()
   [inner] y = Conv (x, w)
}
"""


@dataclass(frozen=True, kw_only=True)
class Swishes(RewritePass):
    """Every Conv becomes an operator of a plugin."""

    name = "swishes"
    match_ops: ClassVar[tuple[str, ...]] = ("Conv",)

    def rewrite(self, node: ir.Node, rw: Rewriter) -> Sequence[ir.Value]:
        return ops.call(rw, ops.FunctionOperator.from_text(SWISH), node.inputs[0], shift=0.0)


def test_a_call_inside_a_function() -> None:
    model = from_text(NESTED)
    Swishes().run(model, PassContext())
    check(model)
    x = np.random.default_rng(0).random((1, 1, 4, 4), np.float32)
    (y,) = Session(model).run({"x": x}).values()
    np.testing.assert_allclose(np.asarray(y), _swish(x, 1.0, 0.0), rtol=1e-5)


def test_an_overload_is_refused_inside_a_function() -> None:
    model = from_text(NESTED)

    @dataclass(frozen=True, kw_only=True)
    class Inside(Deform):
        def rewrite(self, node: ir.Node, rw: Rewriter) -> Sequence[ir.Value] | Skip:
            x = rw.op("Relu", node.inputs[0])
            x.type = ir.TensorType(ir.DataType.FLOAT)
            return ops.call(rw, "DeformableConv2D", x, x, x, strides=(1,), pads=(0,))

    with pytest.raises(PassError) as caught:
        Inside().run(model, PassContext())
    assert str(caught.value) == (
        "inner: a function cannot call an overload of DeformableConv2D, as onnxruntime does not "
        "run that; inline the function around it first"
    )


@pytest.mark.parametrize(
    ("dtypes", "message"),
    [
        (
            (np.float64,) * 3,
            "DeformableConv2D: the inputs must all be float or float16, not double",
        ),
        (
            (np.float32, np.float16, np.float32),
            "DeformableConv2D: the inputs must all be float or float16, not float and float16",
        ),
        (
            (np.float32,) * 2,
            "DeformableConv2D has 2 inputs; it takes x, weight, offsets, bias",
        ),
        (
            (np.float32,) * 5,
            "DeformableConv2D has 5 inputs; it takes x, weight, offsets, bias",
        ),
    ],
)
def test_wrong_inputs_are_refused(dtypes: Sequence[type], message: str) -> None:
    arrays: list[Any] = [np.zeros((1, 3, 1, 1)).astype(dtype) for dtype in dtypes]
    with pytest.raises(PassError) as caught:
        run("DeformableConv2D", arrays, {"strides": (1,), "pads": (0,)})
    assert str(caught.value) == message


def test_an_opset_out_of_range_is_refused() -> None:
    arrays = [np.zeros((1, 3, 1, 1), np.float32)] * 3
    with pytest.raises(PassError) as caught:
        run("DeformableConv2D", arrays, {"strides": (1,), "pads": (0,)}, opset=10)
    assert str(caught.value) == (
        "DeformableConv2D with these attributes can be written in opsets 11 to 22, and the model "
        "is in opset 10; convert it first"
    )


SWISH = """
<domain: "test.plugin", opset_import: ["" : 13]>
Swish <beta: float = 1.0, shift> (x) => (y)
{
   b = Constant <value_float: float = @beta> ()
   s = Constant <value_float: float = @shift> ()
   bx = Mul (b, x)
   gate = Sigmoid (bx)
   product = Mul (x, gate)
   y = Add (product, s)
}
"""


def _swish(x: np.ndarray, beta: float, shift: float) -> np.ndarray:
    result: np.ndarray = x / (1 + np.exp(-beta * x)) + shift
    return result


@pytest.mark.parametrize("opset", [13, 16])
@pytest.mark.parametrize("beta", [None, 2.5])
def test_an_operator_of_a_plugin_in_onnx_text(opset: int, beta: float | None) -> None:
    operator = ops.FunctionOperator.from_text(SWISH)
    assert operator.name == "Swish"
    x = np.random.default_rng(0).normal(size=(2, 3)).astype(np.float32)
    given = {"shift": 0.5} if beta is None else {"shift": 0.5, "beta": beta}
    (y,) = run(operator, [x], given, opset=opset)
    np.testing.assert_allclose(y, _swish(x, beta or 1.0, 0.5), rtol=1e-5)


def test_an_operator_whose_body_means_something_else_in_the_opset_of_the_model() -> None:
    operator = ops.FunctionOperator.from_text(
        """
        <domain: "test.plugin", opset_import: ["" : 13]>
        Fold (x) => (y) { axes = Constant <value = int64[1] {0}> () y = ReduceMax (x) }
        """
    )
    with pytest.raises(PassError) as caught:
        run(operator, [np.zeros(3, np.float32)], {}, opset=18)
    assert str(caught.value) == (
        "Fold is written for opset 13, and its ReduceMax is another one in opset 18 of the model; "
        "convert the model first"
    )


def test_a_required_attribute_of_a_plugin_is_required() -> None:
    operator = ops.FunctionOperator.from_text(SWISH)
    with pytest.raises(PassError) as caught:
        run(operator, [np.zeros(3, np.float32)], {})
    assert str(caught.value) == "Swish needs the attribute 'shift'"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense", "not a function in ONNX text: "),
        ('<domain: "", opset_import: ["" : 13]> F (x) => (y) { y = Relu (x) }', "the operator 'F'"),
        ('<domain: "d", opset_import: ["e" : 1]> F (x) => (y) { y = e.G (x) }', "the operator 'F'"),
    ],
)
def test_text_that_defines_no_operator(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        ops.FunctionOperator.from_text(text)
    assert str(caught.value).startswith(message)

import gc
from pathlib import Path

import ml_dtypes
import numpy as np
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper

from graphfix.errors import GraphfixError
from graphfix.model import from_bytes, from_text, load, save
from graphfix.runners.onnxruntime import NotRunnable, Session


def text_model(body: str, *, opset: int = 17, ir_version: int = 8) -> ir.Model:
    return from_text(f'<ir_version: {ir_version}, opset_import: ["" : {opset}]> {body}')


def test_inputs_outputs_and_intermediate_values() -> None:
    model = text_model(
        "main (float[N,2] x, int64[] k, string[2] s) => (float[N,2] y) "
        "{ t = Neg(x) u = Abs(t) y = Relu(t) i = Identity(k) j = Identity(s) }"
    )
    session = Session(model, outputs=["u", "t", "j"])
    assert session.inputs == (
        ("x", np.dtype(np.float32), ("N", 2)),
        ("k", np.dtype(np.int64), ()),
        ("s", np.dtype(object), (2,)),
    )
    assert session.outputs == ("y", "u", "t", "j")
    x = np.array([[1, -2]], np.float32)
    feeds = {"x": x, "k": np.int64(3), "s": np.array(["a", "b"], dtype=object)}
    outputs = session.run(feeds)
    assert list(outputs) == ["y", "u", "t", "j"]
    np.testing.assert_array_equal(outputs["t"], -x)
    np.testing.assert_array_equal(outputs["y"], [[0, 2]])
    assert list(outputs["j"]) == ["a", "b"]  # type: ignore[arg-type]  # an array


def test_float16_output_that_another_node_reads_is_rounded() -> None:
    session = Session(
        text_model(
            "main (float16[1] x) => (float16[1] t, float16[1] y) { t = Mul(x, x) y = Relu(t) }"
        )
    )
    found = session.run({"x": np.array([300], np.float16)})
    assert [array.tolist() for array in found.values()] == [[np.inf], [np.inf]]  # type: ignore[union-attr]  # arrays


def test_sequences_and_optionals() -> None:
    model = text_model(
        "main (seq(float[N]) s, optional(float[N]) o) => (seq(float[N]) t, bool[] has) "
        "{ t = Identity(s) has = OptionalHasElement(o) }"
    )
    session = Session(model)
    assert [each[1] for each in session.inputs] == [None, None]
    arrays = [np.ones(2, np.float32), np.zeros(1, np.float32)]
    outputs = session.run({"s": arrays, "o": None})  # type: ignore[dict-item]
    assert outputs["has"] == np.array(False)
    for left, right in zip(outputs["t"], arrays, strict=True):  # type: ignore[arg-type]
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("bfloat16", ml_dtypes.bfloat16),
        ("float8e4m3fn", ml_dtypes.float8_e4m3fn),
        ("float8e5m2", ml_dtypes.float8_e5m2),
    ],
)
def test_small_floats(name: str, dtype: type) -> None:
    model = text_model(
        f"main ({name}[3] x, float[1] f) => ({name}[3] y, float[1] g) "
        "{ y = Identity(x) g = Neg(f) }",
        opset=21,
        ir_version=10,
    )
    session = Session(model)
    assert session.inputs[0][1] == np.dtype(dtype)
    x: np.ndarray = np.array([1, -2, 3]).astype(dtype)
    outputs = session.run({"x": x, "f": np.ones(1, np.float32)})
    assert isinstance(outputs["y"], np.ndarray)
    assert outputs["y"].dtype == x.dtype
    np.testing.assert_array_equal(outputs["y"], x)
    np.testing.assert_array_equal(outputs["g"], [-1])


def test_four_bit_outputs() -> None:
    model = text_model(
        "main (float[5] x) => (int4[5] y) "
        "<float one = {1.0}, int4 zero = {0}> { y = QuantizeLinear(x, one, zero) }",
        opset=21,
        ir_version=10,
    )
    output = Session(model).run({"x": np.array([1, -2, 3, -8, 7], np.float32)})["y"]
    assert isinstance(output, np.ndarray)
    assert output.dtype == ml_dtypes.int4
    assert output.astype(int).tolist() == [1, -2, 3, -8, 7]


def weights_everywhere() -> ir.Model:
    """Return ``y = x + 1 + 2 + (3 or 4)`` with large weights in all kinds of places."""

    def weight(number: int, name: str) -> TensorProto:
        return numpy_helper.from_array(np.full(2000, number, np.float32), name)

    def branch(number: int) -> object:
        return helper.make_graph(
            [helper.make_node("Add", ["b", "w"], ["out"], name="same")],
            f"branch{number}",
            [],
            [helper.make_tensor_value_info("out", TensorProto.FLOAT, [2000])],
            [weight(number, "w")],
        )

    function = helper.make_function(
        "mine",
        "AddTwo",
        ["v"],
        ["r"],
        [
            helper.make_node("Constant", [], ["two"], value=weight(2, "two")),
            helper.make_node("Add", ["v", "two"], ["r"]),
        ],
        [helper.make_opsetid("", 17)],
    )
    nodes = [
        helper.make_node("Constant", [], ["one"], value=weight(1, "")),
        helper.make_node("Add", ["x", "one"], ["a"], name="same"),
        helper.make_node("AddTwo", ["a"], ["b"], domain="mine", name="same"),
        helper.make_node("If", ["c"], ["y"], then_branch=branch(3), else_branch=branch(4)),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, [2000]),
            helper.make_tensor_value_info("c", TensorProto.BOOL, []),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2000])],
    )
    proto = helper.make_model(
        graph,
        functions=[function],
        ir_version=8,
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("mine", 1)],
    )
    return from_bytes(proto.SerializeToString())


@pytest.mark.parametrize("where", ["memory", "file", "external"])
def test_weights_in_constants_subgraphs_and_functions(tmp_path: Path, where: str) -> None:
    model = weights_everywhere()
    if where != "memory":
        save(model, tmp_path / "m.onnx", external=where == "external")
        model = load(tmp_path / "m.onnx")
    session = Session(model)
    del model
    gc.collect()
    np.zeros(1 << 20)
    x = np.zeros(2000, np.float32)
    for condition, expected in ((True, 6), (False, 7)):
        output = session.run({"x": x, "c": np.array(condition)})["y"]
        np.testing.assert_array_equal(output, np.full(2000, expected, np.float32))


def test_an_initializer_that_is_an_input() -> None:
    weight = numpy_helper.from_array(np.ones(2000, np.float32), "w")
    infos = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [2000]) for n in ("x", "w", "y")]
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "w"], ["y"])], "g", infos[:2], infos[2:], [weight]
    )
    proto = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    session = Session(from_bytes(proto.SerializeToString()))
    assert [name for name, _, _ in session.inputs] == ["x"]
    x = np.ones(2000, np.float32)
    np.testing.assert_array_equal(session.run({"x": x})["y"], x + 1)


def test_a_kernel_that_is_missing_above_opset_21() -> None:
    model = text_model(
        "main (float[1,1,4,4] x, float[1,4] roi, int64[1] i) => (float[1,1,1,1] y) "
        "{ y = RoiAlign <output_height = 1, output_width = 1> (x, roi, i) }",
        opset=22,
        ir_version=10,
    )
    feeds: dict[str, np.ndarray] = {
        "x": np.ones((1, 1, 4, 4), np.float32),
        "roi": np.array([[0, 0, 2, 2]], np.float32),
        "i": np.zeros(1, np.int64),
    }
    output = Session(model).run(feeds)["y"]
    np.testing.assert_array_equal(output, np.ones((1, 1, 1, 1)))
    assert model.opset_imports == {"": 22}


def test_an_operator_onnxruntime_does_not_know() -> None:
    model = text_model("main (float[1] x) => (float[1] y) { y = Neg(x) }")
    model.graph[0].op_type, model.opset_imports["mine"] = "Custom", 1
    model.graph[0].domain = "mine"
    with pytest.raises(NotRunnable) as caught:
        Session(model)
    assert str(caught.value) == "FAIL: Fatal error: mine:Custom(-1) is not a registered function/op"
    assert isinstance(caught.value, GraphfixError)


def test_an_operator_that_is_new_above_opset_21_stays_refused() -> None:
    model = text_model(
        "main (float[1] x) => (float[1] y) { t = RMSNormalization(x, x) y = Neg(t) }",
        opset=99,
        ir_version=10,
    )
    with pytest.raises(NotRunnable):
        Session(model)


def test_wrong_feeds() -> None:
    session = Session(text_model("main (float[2] x) => (float[2] y) { y = Neg(x) }"))
    with pytest.raises(NotRunnable) as caught:
        session.run({})
    assert str(caught.value) == "Required inputs (['x']) are missing from input feed ([])."
    with pytest.raises(NotRunnable) as caught:
        session.run({"x": np.ones(3, np.float32)})
    assert str(caught.value).startswith("INVALID_ARGUMENT: Got invalid dimensions for input: x")


def test_stderr_stays_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    model = text_model("main (float[2] x) => (float[2] y) { y = Reshape(x, x) }", opset=6)
    with pytest.raises(NotRunnable):
        Session(model)
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")

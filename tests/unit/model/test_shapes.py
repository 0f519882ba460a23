import numpy as np
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper

from graphfix.errors import ModelError
from graphfix.model import from_bytes, from_text, infer_shapes


def shapes(model: ir.Model) -> dict[str, str]:
    return {
        value.name or "": f"{value.dtype.name if value.dtype else None}{value.shape}"
        for node in model.graph.all_nodes()
        for value in node.outputs
    }


def inferred(body: str, *, opset: int = 17) -> dict[str, str]:
    model = from_text(f'<ir_version: 8, opset_import: ["" : {opset}, "mine" : 1]> {body}')
    infer_shapes(model)
    return shapes(model)


def test_missing_shapes_are_filled_in() -> None:
    assert inferred(
        "main (float[N,3,8] x) => (y) { t = Relu(x) u = Shape(t) y = Transpose<perm=[2,0,1]>(t) }"
    ) == {"t": "FLOAT[N,3,8]", "u": "INT64[3]", "y": "FLOAT[8,N,3]"}


def test_small_integers_are_followed() -> None:
    body = """main (float[2,3,8] x) => (y)
      <int64[1] m = {-1}, int64[1] zero = {0}, int64[1] one = {1}>
      { s = Shape(x) n = Slice(s, zero, one) d = Concat<axis=0>(n, m) y = Reshape(x, d) }"""
    assert inferred(body)["y"] == "FLOAT[2,24]"


def test_a_slice_that_starts_at_a_computed_place_is_not_followed() -> None:
    body = """main (float[2,3,8] x, int64[1] k) => (y) <int64[1] one = {1}, int64[1] two = {2}>
      { s = Shape(x) i = Identity(one) n = Slice(s, i, two) d = Concat<axis=0>(n, n)
        y = ConstantOfShape(d) }"""
    assert "FLOAT[" not in inferred(body)["y"]
    assert "FLOAT[" not in inferred(body.replace("s, i, two", "s, k, two"))["y"]


def test_an_stft_has_one_side_by_default() -> None:
    model = from_text(
        '<ir_version: 8, opset_import: ["" : 17]> main (float[2,8,1] x) => (y) '
        "<int64 step = {2}, int64 length = {4}> { y = STFT(x, step, , length) }"
    )
    infer_shapes(model)
    assert shapes(model) == {"y": "FLOAT[2,3,3,2]"}
    assert not model.graph.node(0).attributes


def test_stale_shapes_give_way() -> None:
    assert inferred(
        "main (float[2,4] x) => (float[9,9] y) <float[3,3] t, int32[1] u> "
        "{ t = Relu(x) u = Abs(t) y = Neg(u) }"
    ) == {"t": "FLOAT[2,4]", "u": "FLOAT[2,4]", "y": "FLOAT[2,4]"}


def test_a_dimension_of_the_input_replaces_a_number() -> None:
    assert inferred(
        "main (float[N,4] x) => (float[1,4] y) <float[1,4] t> { t = Relu(x) y = Neg(t) }"
    ) == {"t": "FLOAT[N,4]", "y": "FLOAT[N,4]"}


def test_what_cannot_be_inferred_stays_and_is_used() -> None:
    assert inferred(
        "main (float[4] x) => (y) <float[2,K] t, float[7] old> "
        "{ t = mine.Custom(x) u = Relu(t) y = Concat<axis=0>(u, u) }"
    ) == {"t": "FLOAT[2,K]", "u": "FLOAT[2,K]", "y": "FLOAT[4,K]"}


def test_a_known_dimension_beats_an_unknown_one() -> None:
    assert inferred(
        "main (float[N,4] x) => (y) <int64[2,5] i> { i = NonZero(x) y = Transpose(i) }"
    ) == {"i": "INT64[2,5]", "y": "INT64[5,2]"}


def test_an_unknown_dimension_gets_no_made_up_name() -> None:
    assert inferred("main (float[N,4] x) => (y) { y = NonZero(x) }") == {"y": "INT64[2,None]"}


def test_subgraphs_and_sequences() -> None:
    assert inferred(
        """main (float[N,4] x, bool c) => (y) {
           s = SequenceConstruct(x, x)
           y = If (c) <then_branch = t () => (p) { p = Neg(x) },
                       else_branch = e () => (q) { r = Abs(x) q = Relu(r) }>
        }"""
    ) == {"s": "FLOAT[N,4]", "y": "FLOAT[N,4]", "p": "FLOAT[N,4]", "r": "FLOAT[N,4]",
          "q": "FLOAT[N,4]"}  # fmt: skip


def test_denotations_stay() -> None:
    model = from_text(
        '<ir_version: 8, opset_import: ["" : 17]> main (float[2] x) => (float[2] y) { y = Neg(x) }'
    )
    output = model.graph.outputs[0]
    output.type = ir.TensorType(ir.DataType.FLOAT, denotation="IMAGE")
    output.shape = ir.Shape([None], denotations=["BATCH"])
    infer_shapes(model)
    assert output.type.denotation == "IMAGE"
    assert output.shape is not None
    assert (output.shape[0], output.shape.get_denotation(0)) == (2, "BATCH")


def test_weights_are_not_read() -> None:
    weight = numpy_helper.from_array(np.zeros((64, 32), np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [weight],
    )
    model = from_bytes(helper.make_model(graph, ir_version=8).SerializeToString())

    def never() -> ir.Tensor[np.ndarray]:
        raise AssertionError("nobody needs these numbers")

    model.graph.initializers["w"].const_value = ir.LazyTensor(
        never, dtype=ir.DataType.FLOAT, shape=ir.Shape([64, 32])
    )
    infer_shapes(model)
    assert shapes(model) == {"y": "FLOAT[N,32]"}


def test_functions_are_looked_through() -> None:
    model = from_text(
        """<ir_version: 10, opset_import: ["" : 17, "f" : 1]>
        main (float[N,4] x) => (y) { t = f.F(x) y = Transpose<perm=[1,0]>(t) }
        <domain: "f", opset_import: ["" : 17]> F (a) => (b) { b = Abs(a) }"""
    )
    infer_shapes(model)
    assert shapes(model) == {"t": "FLOAT[N,4]", "y": "FLOAT[4,N]"}


def test_twice_is_the_same_as_once() -> None:
    model = from_text(
        '<ir_version: 8, opset_import: ["" : 17]> main (float[N,4] x) => (y) '
        "{ i = NonZero(x) t = Transpose(i) y = Cast<to=1>(t) }"
    )
    infer_shapes(model)
    once = shapes(model)
    infer_shapes(model)
    assert (
        shapes(model) == once == {"i": "INT64[2,None]", "t": "INT64[None,2]", "y": "FLOAT[None,2]"}
    )


def test_what_onnx_refuses_is_reported() -> None:
    model = from_text(
        '<ir_version: 8, opset_import: ["" : 17]> main (float[2] x) => (y) { y = Neg(x) }'
    )
    model.opset_imports.clear()
    with pytest.raises(ModelError) as caught:
        infer_shapes(model)
    assert str(caught.value) == (
        "shapes do not fit: [TypeInferenceError] Cannot infer type and shape for node name . No "
        "opset import for domain optype Neg"
    )


def test_a_huge_vector_fills_no_memory() -> None:
    assert inferred(
        "main (float[1099511627776] x) => (y) <int64[1] m = {-1}> "
        "{ a = Add(x, x) y = Reshape(a, m) }"
    ) == {"a": "FLOAT[1099511627776]", "y": "FLOAT[1099511627776]"}

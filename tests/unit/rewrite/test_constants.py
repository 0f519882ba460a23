"""What counts as a constant at rewrite time."""

import numpy as np
import onnx_ir as ir
import pytest

from graphfix.model import from_text
from graphfix.rewrite import constant_array, constant_tensor


def values(text: str, opset: int = 13) -> dict[str | None, ir.Value]:
    model = from_text(f'<ir_version: 8, opset_import: ["" : {opset}, "mine" : 1]> {text}')
    found = {v.name: v for v in (*model.graph.inputs, *model.graph.initializers.values())}
    found.update({v.name: v for node in model.graph.all_nodes() for v in node.outputs})
    return found


def test_an_initializer_is_a_constant() -> None:
    found = values("g (float[2] x) => (float[2] y) <float[2] w = {1, 2}> { y = Add(x, w) }")
    array = constant_array(found["w"])
    assert array is not None
    assert array.tolist() == [1, 2]
    assert constant_array(found["x"]) is None
    assert constant_array(found["y"]) is None
    assert constant_array(None) is None


def test_an_initializer_that_is_an_input_is_a_default() -> None:
    found = values(
        "g (float[2] x, float[2] w) => (float[2] y) <float[2] w = {1, 2}> { y = Add(x, w) }"
    )
    assert constant_array(found["w"]) is None


@pytest.mark.parametrize(
    ("attribute", "want"),
    [
        ("value = int64[2] {1, 2}", np.array([1, 2])),
        ("value_int = 3", np.array(3)),
        ("value_ints = [3, 4]", np.array([3, 4])),
        ("value_float = 0.5", np.array(0.5, np.float32)),
        ("value_floats = [0.5, 1.5]", np.array([0.5, 1.5], np.float32)),
    ],
)
def test_constant_nodes_of_every_spelling(attribute: str, want: np.ndarray) -> None:
    found = values(f"g (float[2] x) => (float[2] y) {{ y = Constant <{attribute}> () }}")
    array = constant_array(found["y"])
    assert array is not None
    assert array.dtype == want.dtype
    assert np.array_equal(array, want)


def test_identities_over_constants_are_looked_through() -> None:
    found = values(
        """
        g (float[2] x) => (float[2] y) <float[2] w = {1, 2}>
        { a = Identity(w)  b = Identity(a)  c = Identity(x)  y = Add(b, c) }
        """
    )
    assert constant_tensor(found["b"]) is found["w"].const_value
    assert constant_array(found["c"]) is None


def test_strings_have_a_tensor_and_no_array() -> None:
    found = values('g () => (string y) { y = Constant <value_string = "a"> () }')
    assert constant_array(found["y"]) is None
    found = values('g () => (string[1] y) <string[1] w = {"a"}> { y = Identity(w) }')
    assert constant_tensor(found["w"]) is not None
    assert constant_array(found["w"]) is None


def test_a_constant_of_another_domain_is_not_one() -> None:
    found = values("g () => (float[1] y) { y = mine.Constant <value = float[1] {1}> () }")
    assert constant_array(found["y"]) is None


def test_a_constant_with_an_attribute_of_its_exporter_is_one() -> None:
    found = values("g () => (int64 y) { y = Constant <value_int = 3> () }")
    node = found["y"].producer()
    assert node is not None
    node.attributes.add(ir.AttrString("exporter", "me"))
    assert constant_array(found["y"]) == 3
    del node.attributes["value_int"]
    assert constant_array(found["y"]) is None


def test_a_constant_that_is_a_parameter_of_its_function_is_not_known() -> None:
    model = from_text(
        """
        <ir_version: 8, opset_import: ["" : 13, "mine" : 1]>
        g () => (int64 y) { y = mine.Three <k = 3> () }
        <domain: "mine", opset_import: ["" : 13]> Three <k> () => (q)
        { q = Constant <value_int: int = @k> () }
        """
    )
    (function,) = model.functions.values()
    assert constant_array(function[0].outputs[0]) is None

import json

import numpy as np
import onnx_ir as ir
import pytest

from graphfix.model import diff, digest, from_text

TEXT = """<ir_version: 10, opset_import: ["" : 17, "mine" : 1]>
main (float[N,4] x, bool c) => (float[N,4] y)
<float[4] w = {1, 2, 3, 4}>
{
   [a] t = Add(x, w)
   [s] u = Softmax <axis = 1> (t)
   [i] v = If (c) <
      then_branch = th () => (float[N,4] p) { [in] p = Neg(u) },
      else_branch = el () => (float[N,4] q) { q = mine.F(u) }>
   [r] y = Relu(v)
}
<domain: "mine", opset_import: ["" : 17]>
F (a) => (b) { [n] b = Abs(a) }
"""


def model(*replacements: tuple[str, str]) -> ir.Model:
    text = TEXT
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    return from_text(text)


CASES = [
    ("an attribute", [("axis = 1", "axis = 0")], ["~ Softmax 's': axis: 1 -> 0"]),
    ("an attribute less", [(" <axis = 1>", "")], ["~ Softmax 's': axis: 1 -> absent"]),
    ("an input", [("Relu(v)", "Relu(u)")], ["~ Relu 'r': inputs: (v) -> (u)"]),
    ("the name of a node", [("[r]", "[q]")], ["~ Relu 'q': name: r -> q"]),
    (
        "another operator",
        [("Relu(v)", "Neg(v)")],
        ["- Relu 'r': (v) -> y", "+ Neg 'r': (v) -> y"],
    ),
    (
        "a new node",
        [("Relu(v)", "Relu(m)\n [m] m = Neg(v)")],
        ["+ Neg 'm': (v) -> m", "~ Relu 'r': inputs: (v) -> (m)"],
    ),
    (
        "a renamed value",
        [("u = Soft", "uu = Soft"), ("Neg(u)", "Neg(uu)"), ("F(u)", "F(uu)")],
        [
            "~ Softmax 's': outputs: (u) -> (uu)",
            "~ If 'i'.then_branch: Neg 'in': inputs: (u) -> (uu)",
            "~ If 'i'.else_branch: mine::F: inputs: (u) -> (uu)",
        ],
    ),
    ("in a subgraph", [("p = Neg(u)", "p = Abs(u)")], [
        "- If 'i'.then_branch: Neg 'in': (u) -> p", "+ If 'i'.then_branch: Abs 'in': (u) -> p",
    ]),
    ("numbers", [("{1, 2, 3, 4}", "{1, 2, 3, 5}")], ["~ initializer w: other numbers"]),
    (
        "shape of a weight",
        [("float[4] w = {1, 2, 3, 4}", "float[1,4] w = {1, 2, 3, 4}")],
        ["~ initializer w: float[4] -> float[1,4]"],
    ),
    (
        "name of a weight",
        [("] w = {", "] k = {"), ("Add(x, w)", "Add(x, k)")],
        [
            "- initializer float[4] w",
            "+ initializer float[4] k",
            "~ Add 'a': inputs: (x, w) -> (x, k)",
        ],
    ),
    (
        "an input's type",
        [("main (float[N,4] x", "main (float[2,4] x")],
        ["~ inputs (float[N,4] x, bool[] c) -> (float[2,4] x, bool[] c)"],
    ),
    ("in a function", [("Abs(a)", "Neg(a)")], [
        "- function mine::F: Abs 'n': (a) -> b", "+ function mine::F: Neg 'n': (a) -> b",
    ]),
    (
        "an opset",
        [('"" : 17, "mine"', '"" : 18, "mine"')],
        ["~ model graph: opset ai.onnx: 17 -> 18"],
    ),
    ("the version", [("ir_version: 10", "ir_version: 9")], ["~ model model: ir_version: 10 -> 9"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("replacements", "lines"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_lines(replacements: list[tuple[str, str]], lines: list[str]) -> None:
    before, after = model(), model(*replacements)
    difference = diff(before, after)
    assert list(difference.lines()) == lines
    assert not difference.empty
    assert json.loads(json.dumps(difference.to_dict()))["empty"] is False
    assert digest(before) != digest(after)


def test_the_same_model() -> None:
    difference = diff(model(), model())
    assert difference.empty
    assert difference.lines() == ()
    assert difference.to_dict() == {"empty": True, "counts": {}, "changes": []}
    assert digest(model()) == digest(model())


def test_order_of_nodes_does_not_count() -> None:
    text = '<ir_version: 8, opset_import: ["" : 17]> g (float[1] x) => (float[1] y, float[1] z) {'
    a = from_text(text + "y = Neg(x) z = Abs(x) }")
    b = from_text(text + "z = Abs(x) y = Neg(x) }")
    assert diff(a, b).empty


def test_values_are_counted_and_listed() -> None:
    before, after = model(), model()
    value = after.graph[0].outputs[0]
    value.type, value.shape = ir.TensorType(ir.DataType.FLOAT), ir.Shape(["N", 4])
    value.metadata_props["k"] = "v"
    difference = diff(before, after)
    assert difference.lines() == ("~ types, shapes or annotations of 1 intermediate values",)
    assert difference.to_dict() == {
        "empty": False,
        "counts": {"changed value": 1},
        "changes": [
            {
                "kind": "changed",
                "what": "value",
                "where": "",
                "name": "t",
                "details": ["type:  -> float[N,4]", "metadata: {} -> {'k': 'v'}"],
            }
        ],
    }


def test_weights_are_compared_by_content() -> None:
    before, after = model(), model()
    array = np.array([1, 2, 3, 4], np.float32)
    after.graph.initializers["w"].const_value = ir.Tensor(array, name="w")
    assert diff(before, after).empty
    assert digest(before) == digest(after)


def test_nodes_without_names_that_repeat() -> None:
    text = '<ir_version: 8, opset_import: ["" : 17]> g (float[1] x) => (float[1] y) {'
    a = from_text(text + "t = Neg(x) u = Neg(t) y = Neg(u) }")
    b = from_text(text + "u = Neg(x) y = Neg(u) }")
    assert diff(a, b).lines() == ("- Neg: (x) -> t", "~ Neg: inputs: (t) -> (x)")

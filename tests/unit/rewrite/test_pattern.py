"""Patterns of producers: ports, optional inputs, operands that commute, names."""

import onnx_ir as ir
import pytest

from graphfix.model import from_text
from graphfix.rewrite import Op, Operand, Pattern


def value(text: str, name: str) -> ir.Value:
    model = from_text(f'<ir_version: 8, opset_import: ["" : 13, "mine" : 1]> {text}')
    found = {v.name: v for node in model.graph for v in node.outputs}
    return found[name]


def names(pattern: Pattern, at: ir.Value) -> dict[str, str | None] | None:
    match = pattern.match(at)
    return None if match is None else {key: item.name for key, item in match.items()}


CHAIN = "g (float[2] x) => (float[2] y) { a = Neg(x)  b = Abs(a)  y = Exp(b) }"


def test_a_chain_matches_and_remembers() -> None:
    pattern = Op("Exp", Op("Abs", Op("Neg", Operand("in")), name="middle"), name="out")
    assert names(pattern, value(CHAIN, "y")) == {"in": "x", "middle": "b", "out": "y"}


def test_another_operator_does_not_match() -> None:
    assert names(Op("Exp", Op("Neg")), value(CHAIN, "y")) is None
    assert names(Op("Neg|Abs"), value(CHAIN, "b")) == {}


def test_a_graph_input_has_no_producer() -> None:
    assert names(Op("Neg", Op("Abs")), value(CHAIN, "a")) is None
    assert Op("Neg").match(None) is None


def test_ports_tell_outputs_apart() -> None:
    text = """
        g (float[4] x) => (float[2] y) <int64[2] s = {2, 2}>
        { left, right = Split <axis = 0> (x, s)  y = Sub(right, left) }
    """
    at = value(text, "y")
    assert names(Op("Sub", Op("Split", port=1), Op("Split", port=0)), at) == {}
    assert names(Op("Sub", Op("Split", port=0), Op("Split", port=1)), at) is None


def test_absent_inputs_fit_no_operand() -> None:
    text = """
        g (float[1,1,2,2] x) => (float[1,1,4,4] y) <float[4] s = {1, 1, 2, 2}>
        { y = Resize(x, , s) }
    """
    at = value(text, "y")
    assert names(Op("Resize", Operand("x"), Operand("roi")), at) is None
    assert names(Op("Resize", Operand("x")), at) == {"x": "x"}
    assert names(Op("Resize", Operand(), Operand(), Operand(), Operand()), at) is None


@pytest.mark.parametrize("order", ["a, b", "b, a"])
def test_operands_that_commute(order: str) -> None:
    text = f"g (float[2] x) => (float[2] y) {{ a = Neg(x)  b = Abs(x)  y = Add({order}) }}"
    pattern = Op("Add", Op("Abs", name="abs"), Op("Neg", name="neg"), commutes=True)
    assert names(pattern, value(text, "y")) == {"abs": "b", "neg": "a"}


def test_a_name_that_comes_twice_must_be_one_value() -> None:
    pattern = Op("Mul", Operand("v"), Operand("v"))
    square = "g (float[2] x) => (float[2] y) { y = Mul(x, x) }"
    product = "g (float[2] x, float[2] w) => (float[2] y) { y = Mul(x, w) }"
    assert names(pattern, value(square, "y")) == {"v": "x"}
    assert names(pattern, value(product, "y")) is None


@pytest.mark.parametrize("outer", ["p, x", "x, p"])
@pytest.mark.parametrize("inner", ["x, w", "w, x"])
def test_all_orders_of_nested_operands_are_tried(outer: str, inner: str) -> None:
    # x * sigmoid-like gate: the inner choice is only wrong when the outer operand is seen.
    text = f"""
        g (float[2] x, float[2] w) => (float[2] y) {{ p = Mul({inner})  y = Add({outer}) }}
    """
    pattern = Op(
        "Add",
        Op("Mul", Operand("x"), Operand("w"), commutes=True),
        Operand("x"),
        commutes=True,
    )
    assert names(pattern, value(text, "y")) == {"x": "x", "w": "w"}


def test_domains_are_told_apart() -> None:
    text = "g (float[2] x) => (float[2] y) { a = mine.Abs(x)  b = Abs(x)  y = Add(a, b) }"
    custom, standard = value(text, "a"), value(text, "b")
    assert names(Op("Abs"), custom) is None
    assert names(Op("Abs"), standard) == {}
    assert names(Op("Abs", domain="mine"), custom) == {}
    assert names(Op("Abs", domain="mine"), standard) is None
    node = standard.producer()
    assert node is not None
    node.domain = "ai.onnx"
    assert names(Op("Abs"), standard) == {}
    assert names(Op("Abs", domain="mine"), standard) is None

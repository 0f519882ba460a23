"""Marks: random nodes stay apart, and go back to how they were."""

import onnx_ir as ir
import pytest

from graphfix.errors import PassError
from graphfix.model import diff, from_text
from graphfix.rewrite.marks import mark, needs_marks, unmark

MODEL = """
<ir_version: 10, opset_import: ["" : 15, "mine" : 1]>
main (float[3] x, bool c, bool train, float ratio) => (float[3] y)
{
   a = RandomNormalLike (x)
   b = RandomNormalLike <seed = 3.0> (x)
   d = Dropout <seed = 5> (x, ratio, train)
   e = Dropout (x)
   f = mine.Noise (x)
   g = mine.Twice (x)
   h = If (c) <then_branch = t () => (float[3] t1) { t1 = Bernoulli (x) },
               else_branch = u () => (float[3] u1) { u1 = Abs (x) }>
   y = Sum (a, b, d, e, f, g, h)
}
<domain: "mine", opset_import: ["" : 15]> Draw (p) => (q) { q = RandomUniformLike (p) }
<domain: "mine", opset_import: ["" : 15, "mine" : 1]> Noise (p) => (q) { q = mine.Draw (p) }
<domain: "mine", opset_import: ["" : 15]> Twice (p) => (q) { q = Add (p, p) }
"""


def test_every_node_that_must_stay_apart_gets_a_number_of_its_own() -> None:
    model = from_text(MODEL)
    mark(model)
    marks = {
        node.outputs[0].name: attribute.value
        for node in model.graph.all_nodes()
        for name, attribute in node.attributes.items()
        if name in ("seed", "graphfix_mark")
    }
    assert set(marks) == {"a", "b", "d", "f", "t1"}
    assert len(set(marks.values())) == 5
    assert isinstance(marks["a"], float)
    assert isinstance(marks["d"], int)


def test_marks_come_off_again() -> None:
    model = from_text(MODEL)
    mark(model)
    assert not diff(model, from_text(MODEL)).empty
    unmark(model, from_text(MODEL))
    assert diff(model, from_text(MODEL)).empty


def test_a_model_without_chance_needs_no_marks() -> None:
    plain = from_text(
        '<ir_version: 8, opset_import: ["" : 13]> g (float[N] x) => (float[N] y) { y = Abs(x) }'
    )
    assert not needs_marks(plain)
    assert needs_marks(from_text(MODEL))


def test_a_random_node_that_was_doubled_is_an_error() -> None:
    model = from_text(MODEL)
    mark(model)
    first = model.graph[0]
    model.graph.append(ir.Node("", first.op_type, first.inputs, first.attributes.values()))
    with pytest.raises(PassError, match="has made another RandomNormalLike out of one"):
        unmark(model, from_text(MODEL))


def test_a_random_node_that_appeared_is_an_error() -> None:
    model = from_text(MODEL)
    mark(model)
    model.graph.append(ir.Node("", "RandomNormalLike", [model.graph.inputs[0]]))
    with pytest.raises(PassError, match="random operators must stay as they are"):
        unmark(model, from_text(MODEL))


def test_calls_of_overloads_are_told_apart() -> None:
    model = from_text(
        """
        <ir_version: 10, opset_import: ["" : 15, "mine" : 1]>
        main (float[3] x) => (float[3] y) { a = mine.Twice (x)  y = mine.Twice (x) }
        <domain: "mine", opset_import: ["" : 15]> Twice (p) => (q) { q = Add (p, p) }
        """
    )
    (function,) = model.functions.values()
    other = function.clone()
    other.overload = "second"
    model.functions[other.identifier()] = other
    model.graph[1].overload = "second"
    mark(model)
    assert "graphfix_mark" in model.graph[1].attributes
    assert "graphfix_mark" not in model.graph[0].attributes

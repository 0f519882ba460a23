"""What is wrong with a graph, said before any number is computed."""

import onnx_ir as ir
import pytest

from graphfix.errors import StructureError
from graphfix.model import from_text
from graphfix.verify import problems, structure
from tests.unit.verify.drive import model

IF = """<ir_version: 8, opset_import: ["" : 17]>
main (bool c, float[2,3] x) => (float[2,3] y) {
  k = Neg (x)
  [choose] y = If <then_branch = yes () => (float[2,3] t) { [inner] t = Abs (k) },
                   else_branch = no () => (float[2,3] e) { e = Relu (k) }> (c)
}"""


def node(given: ir.Model, op_type: str) -> ir.Node:
    return next(node for node in given.graph.all_nodes() if node.op_type == op_type)


def test_valid_models_pass() -> None:
    for text in (model("y = Relu (x)"), IF):
        structure(from_text(text))


def test_order() -> None:
    given = from_text(model("a = Relu (x)\n [last] y = Neg (a)"))
    relu = node(given, "Relu")
    given.graph.remove(relu)
    given.graph.append(relu)

    assert problems(given) == ("node 'last' reads 'a', which nothing before it makes",)


def test_capture_of_a_value_made_later() -> None:
    given = from_text(IF)
    neg = node(given, "Neg")
    given.graph.remove(neg)
    given.graph.append(neg)

    assert problems(given)[0] == (
        "node 'inner' inside 'choose' reads 'k', which nothing before it makes"
    )


def test_value_of_one_branch_read_in_the_other() -> None:
    given = from_text(IF)
    inside = node(given, "Abs").outputs[0]
    node(given, "Relu").replace_input_with(0, inside)

    assert "reads 't', which nothing before it makes" in problems(given)[0]


def test_value_of_a_branch_read_outside() -> None:
    given = from_text(IF.replace("k = Neg (x)", "k = Neg (x)\n z = Neg (k)"))
    last = next(n for n in given.graph if n.outputs[0].name == "z")
    last.replace_input_with(0, node(given, "Abs").outputs[0])

    assert "reads 't', which nothing before it makes" in problems(given)[0]


def test_output_without_a_node() -> None:
    given = from_text(model("y = Relu (x)"))
    given.graph.remove(node(given, "Relu"))

    assert problems(given) == ("output 'y' is made by nothing",)


def test_names_used_twice() -> None:
    nodes = from_text(model("[same] a = Relu (x)\n [same] y = Neg (a)"))
    outputs = from_text(model("y = Relu (x)\n z = Neg (x)", out="float[2,3] y, float[2,3] z"))
    outputs.graph.outputs[1].name = "y"

    assert problems(nodes) == ("two nodes are called 'same'",)
    assert "two graph outputs are called 'y'" in problems(outputs)


def test_what_the_checker_says() -> None:
    given = from_text(model("y = Relu (x)"))
    node(given, "Relu").op_type = "Relux"

    with pytest.raises(StructureError, match="Relux"):
        structure(given)


def test_shapes_and_types_that_contradict_each_other() -> None:
    shape = from_text(model("y = Transpose <perm = [1, 0]> (x)"))
    dtype = from_text(model("y = Cast <to = 7> (x)"))

    for given in (shape, dtype):
        with pytest.raises(StructureError, match="types or shapes contradict each other"):
            structure(given)


def test_problems_the_model_had_before_are_nobodys_fault() -> None:
    given = from_text(model("y = Transpose <perm = [1, 0]> (x)"))

    structure(given, known=problems(given))


def test_a_problem_is_the_same_when_the_node_has_another_name() -> None:
    given = from_text(model("y = Transpose <perm = [1, 0]> (x)"))
    known = problems(given)
    node(given, "Transpose").name = "turn"
    assert "node name: turn" in problems(given)[0]

    structure(given, known=known)

import numpy as np
import onnx_ir as ir
import pytest

from graphfix.errors import ModelError
from graphfix.model import check, from_text

TEXT = """<ir_version: 8, opset_import: ["" : 17]>
main (float[4] x, bool c) => (float[4] y)
<float[4] w = {1, 2, 3, 4}>
{
   [a] t = Add(x, w)
   [i] v = If (c) <
      then_branch = th () => (float[4] p) { [n] p = Neg(t) },
      else_branch = el () => (float[4] q) { q = Abs(w) }>
   [r] y = Relu(v)
}"""


def complaint(model: ir.Model) -> str:
    with pytest.raises(ModelError) as caught:
        check(model)
    return str(caught.value)


def model() -> ir.Model:
    return from_text(TEXT)


def named(graph: ir.Graph, name: str) -> ir.Node:
    return next(node for node in graph.all_nodes() if node.name == name)


def test_a_valid_model() -> None:
    check(model())


def test_outputs_without_shape_are_valid() -> None:
    valid = model()
    valid.graph.outputs[0].shape = None
    check(valid)


def test_large_weights_are_not_looked_at() -> None:
    valid = model()
    value = valid.graph.initializers["w"]

    def never() -> ir.Tensor[np.ndarray]:
        raise AssertionError("nobody needs these numbers")

    value.shape = ir.Shape([5000])
    value.const_value = ir.LazyTensor(never, dtype=ir.DataType.FLOAT, shape=ir.Shape([5000]))
    check(valid)


def test_node_names_twice() -> None:
    wrong = model()
    named(wrong.graph, "r").name = "a"
    assert complaint(wrong) == ("two nodes are named 'a'; onnxruntime refuses that, rename one")
    check(wrong, node_names=False)


def test_nodes_without_names_and_names_in_other_graphs() -> None:
    valid = model()
    named(valid.graph, "n").name = "a"
    for node in valid.graph:
        node.name = ""
    check(valid)


def test_values_twice() -> None:
    wrong = model()
    named(wrong.graph, "a").outputs[0].name = "x"
    assert complaint(wrong) == "Add 'a' defines 'x' a second time"


def test_a_subgraph_hides_a_value() -> None:
    wrong = model()
    named(wrong.graph, "n").outputs[0].name = "t"
    assert complaint(wrong) == "Neg 'n' defines 't' a second time"


def test_order() -> None:
    wrong = model()
    node = named(wrong.graph, "a")
    wrong.graph.remove(node)
    wrong.graph.append(node)
    assert complaint(wrong) == "Neg 'n' reads 't' before Add 'a' produces it"


def test_a_removed_producer() -> None:
    wrong = model()
    wrong.graph.remove(named(wrong.graph, "a"))
    assert complaint(wrong) == "Neg 'n' reads 't' of Add 'a', which was removed"


def test_a_value_from_nowhere() -> None:
    wrong = model()
    named(wrong.graph, "r").replace_input_with(0, ir.Value(name="ghost"))
    assert complaint(wrong) == ("Relu 'r' reads 'ghost', which nothing in the model produces")


def test_an_output_from_nowhere() -> None:
    wrong = model()
    wrong.graph.outputs[0] = ir.Value(name="ghost")
    assert complaint(wrong) == "graph output 'ghost' is not produced by any node"


def test_onnx_has_the_last_word() -> None:
    wrong = model()
    named(wrong.graph, "r").op_type = "Rellu"
    assert complaint(wrong) == (
        "No Op registered for Rellu with domain_version of 17 ==> Context: Bad node spec for node. "
        "Name: r OpType: Rellu"
    )

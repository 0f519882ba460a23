"""Taking over what a tool changed: what is put back, and what counts as a change."""

import numpy as np
import onnx_ir as ir

from graphfix.model import diff, from_text
from graphfix.rewrite.restore import restore, same_tensor

BEFORE = """
<ir_version: 8, opset_import: ["" : 13], metadata_props: ["who" : "me"]>
main (float[N,2] x, bool c) => (float[N,2] y, float[N,2] z)
<float[2] w = {1, 2}, float[2] v = {3, 4}>
{
   [sum] s = Add (w, v)
   [first] a = Mul (x, s)
   [same] b = Identity (a)
   [last] y = Add (b, w)
   [branch] z = If (c) <then_branch = t () => (float[N,2] t1) { [in1] t1 = Mul (x, w) },
                        else_branch = e () => (float[N,2] e1) { [in2] e1 = Add (x, v) }>
}
"""


def before() -> ir.Model:
    model = from_text(BEFORE)
    for node in model.graph.all_nodes():
        node.doc_string = f"doc of {node.name}"
    return model


def after(*changes: tuple[str, str]) -> ir.Model:
    """The model as a tool returns it: with some text changed, and all metadata lost."""
    text = BEFORE.replace(', metadata_props: ["who" : "me"]', "")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return from_text(text)


def test_no_change_returns_the_model_before() -> None:
    model = before()
    restored = restore(model, after())
    assert restored.model is model
    assert restored.rewrites == ()
    assert diff(model, before()).empty


def test_another_order_of_nodes_is_no_change() -> None:
    model = before()
    other = after()
    nodes = list(other.graph)
    other.graph.remove(nodes[4])
    other.graph.insert_before(nodes[0], nodes[4])
    assert restore(model, other).model is model


def test_a_removed_node_and_its_reader_are_one_rewrite() -> None:
    other = after(("[same] b = Identity (a)", ""), ("Add (b, w)", "Add (a, w)"))
    restored = restore(before(), other)
    (rewrite,) = restored.rewrites
    assert (rewrite.node, rewrite.op_type) == ("same", "Identity")
    assert (rewrite.removed, rewrite.added) == (("same",), ())
    assert (rewrite.inputs, rewrite.outputs) == (("a",), ("y",))
    assert restored.model.metadata_props == {"who": "me"}
    assert [node.doc_string for node in restored.model.graph] == [
        "doc of sum",
        "doc of first",
        "doc of last",
        "doc of branch",
    ]


def test_a_folded_value_removes_its_node() -> None:
    other = after(("[sum] s = Add (w, v)", ""), ("{3, 4}>", "{3, 4}, float[2] s = {4, 6}>"))
    (rewrite,) = restore(before(), other).rewrites
    assert (rewrite.node, rewrite.removed, rewrite.outputs) == ("sum", ("sum",), ("s",))


def test_other_numbers_in_a_weight_are_a_change_of_all_its_readers() -> None:
    restored = restore(before(), after(("w = {1, 2}", "w = {1, 5}")))
    assert [rewrite.node for rewrite in restored.rewrites] == ["sum", "last", "branch"]
    weight = restored.model.graph.initializers["w"].const_value
    assert weight is not None
    assert weight.numpy().tolist() == [1, 5]


def test_a_change_inside_a_branch_is_one_of_the_node_around() -> None:
    restored = restore(before(), after(("Mul (x, w)", "Div (x, w)")))
    (rewrite,) = restored.rewrites
    assert (rewrite.node, rewrite.outputs) == ("branch", ("z",))
    docs = {node.name: node.doc_string for node in restored.model.graph.all_nodes()}
    assert docs["in2"] == "doc of in2"
    assert docs["in1"] is None or docs["in1"] == ""


def test_untouched_weights_are_those_of_the_model_before() -> None:
    model = before()
    tensors = {name: value.const_value for name, value in model.graph.initializers.items()}
    restored = restore(model, after(("Identity (a)", "Neg (a)")))
    for name, value in restored.model.graph.initializers.items():
        assert value.const_value is tensors[name]


def test_the_more_specific_dims_are_kept() -> None:
    model, other = before(), after(("Identity (a)", "Neg (a)"))
    old = {v.name: v for node in model.graph for v in node.outputs}
    new = {v.name: v for node in other.graph for v in node.outputs}
    old["a"].shape, new["a"].shape = ir.Shape(["N", None]), ir.Shape(["unk", 2])
    old["b"].shape, new["b"].shape = ir.Shape(["N", 2]), None
    restored = restore(model, other)
    found = {v.name: v for node in restored.model.graph for v in node.outputs}
    assert found["a"].shape == ir.Shape(["N", 2])
    assert found["b"].shape == ir.Shape(["N", 2])


def test_independent_changes_are_rewrites_of_their_own() -> None:
    other = after(("Identity (a)", "Neg (a)"))
    other.graph[0].op_type = "Sub"
    assert [rewrite.node for rewrite in restore(before(), other).rewrites] == ["sum", "same"]


def test_same_tensor_compares_bits() -> None:
    one = ir.tensor(np.array([np.nan, -0.0], np.float32), name="a")
    two = ir.tensor(np.array([np.nan, -0.0], np.float32), name="b")
    zero = ir.tensor(np.array([np.nan, 0.0], np.float32))
    shaped = ir.tensor(np.array([[np.nan, -0.0]], np.float32))
    typed = ir.tensor(np.array([np.nan, -0.0], np.float64))
    assert same_tensor(one, two)
    assert not same_tensor(one, zero)
    assert not same_tensor(one, shaped)
    assert not same_tensor(one, typed)
    assert not same_tensor(one, None)
    strings = [ir.tensor(np.array(text, object)) for text in (["a"], ["a"], ["b"])]
    assert same_tensor(strings[0], strings[1])
    assert not same_tensor(strings[0], strings[2])
    scalars = [ir.tensor(np.array(number, np.int64)) for number in (1, 1, 2)]
    assert same_tensor(scalars[0], scalars[1])
    assert not same_tensor(scalars[0], scalars[2])

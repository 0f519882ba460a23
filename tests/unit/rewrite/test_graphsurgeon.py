"""Passes for onnx-graphsurgeon: nothing is lost that the author did not touch."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx_graphsurgeon as gs
import onnx_ir as ir
import pytest

from graphfix.errors import PassError
from graphfix.model import check, diff, from_text, load, save, to_text
from graphfix.rewrite import PassContext, PassResult, Skip
from graphfix.rewrite.graphsurgeon import GraphSurgeonPass
from graphfix.runners.onnxruntime import Session

RICH = """
<ir_version: 10, opset_import: ["" : 17, "mine" : 3], producer_name: "exporter",
 metadata_props: ["author": "somebody"], doc_string: "a model">
main (float[N,4] x, bool c, float[4] bias) => (float[N,4] y, float[N,4] z)
<float[4] bias = {9, 9, 9, 9}, float[4] w = {1, 2, 3, 4}, float[4] u = {5, 6, 7, 8}>
{
   [first] a = Add(x, w)
   [second] b = Add(a, bias)
   [branch] y = If(c) <
      then_branch = t () => (float[N,4] t1) { [inner] t1 = Mul(b, w) },
      else_branch = e () => (float[N,4] e1) { e1 = Add(b, u) }>
   [call] r = mine.Twice(b)
   [custom] z = Identity(r)
}
<domain: "mine", opset_import: ["" : 17]> Twice (p) => (q) { q = Add(p, p) }
"""


@dataclass(frozen=True, kw_only=True)
class Surgeon(GraphSurgeonPass):
    """Applies a function to the graph."""

    name = "surgeon"
    act: Callable[[Any], Skip | None]

    def surgeon(self, graph: Any) -> Skip | None:
        return self.act(graph)


def operate(model: ir.Model, act: Callable[[Any], Skip | None]) -> PassResult:
    return Surgeon(act=act).run(model, PassContext())


def rich() -> ir.Model:
    """A model with everything that graphsurgeon drops."""
    model = from_text(RICH)
    for node in model.graph.all_nodes():
        node.doc_string = f"doc of {node.name}"
        node.metadata_props["kept"] = node.op_type
        for value in node.outputs:
            value.metadata_props["kept"] = value.name or ""
            value.doc_string = "a value"
    model.graph.doc_string = "a graph"
    model.graph.metadata_props["graph"] = "yes"
    model.graph.inputs[0].meta["quant_parameter_tensor_names"] = {"SCALE_TENSOR": "w"}
    return model


def insert_relu(graph: Any) -> None:
    """Put a Relu behind the node ``second``."""
    (node,) = [node for node in graph.nodes if node.name == "second"]
    out = node.outputs[0]
    middle = gs.Variable("before_relu", dtype=out.dtype, shape=out.shape)
    node.outputs = [middle]
    graph.nodes.append(gs.Node("Relu", "relu", inputs=[middle], outputs=[out]))


def test_an_author_who_does_nothing_changes_nothing() -> None:
    model = rich()
    text = to_text(model)
    result = operate(model, lambda graph: None)
    assert result.model is model
    assert result.rewrites == ()
    assert to_text(result.model) == text
    assert diff(rich(), result.model).empty


def test_what_the_author_did_not_touch_is_as_it_was() -> None:
    before = rich()
    result = operate(rich(), insert_relu)
    check(result.model)
    assert diff(before, result.model).lines() == (
        "+ Relu 'relu': (before_relu) -> b",
        "~ Add 'second': outputs: (b) -> (before_relu)",
    )
    assert [(r.added, r.removed, r.outputs) for r in result.rewrites] == [
        (("second", "relu"), ("second",), ("b",))
    ]
    after = result.model
    assert (after.doc_string, after.producer_name) == ("a model", "exporter")
    assert after.metadata_props == {"author": "somebody"}
    assert (after.graph.doc_string, after.graph.metadata_props) == ("a graph", {"graph": "yes"})
    assert after.graph.opset_imports == {"": 17, "mine": 3}
    assert [value.name for value in after.graph.inputs] == ["x", "c", "bias"]
    assert after.graph.inputs[0].meta["quant_parameter_tensor_names"] == {"SCALE_TENSOR": "w"}
    assert set(after.graph.initializers) == {"bias", "w", "u"}
    assert list(after.functions) == [("mine", "Twice", "")]
    docs = {node.name: node.doc_string for node in after.graph.all_nodes()}
    assert docs["first"] == "doc of first"
    assert docs["inner"] == "doc of inner"
    inner = next(node for node in after.graph.all_nodes() if node.name == "inner")
    assert inner.metadata_props == {"kept": "Mul"}
    assert inner.inputs[1] is after.graph.initializers["w"]


def test_the_order_of_nodes_is_kept() -> None:
    result = operate(rich(), insert_relu)
    assert [node.name for node in result.model.graph] == [
        "first",
        "second",
        "relu",
        "branch",
        "call",
        "custom",
    ]


def test_the_numbers_are_those_of_the_edited_graph() -> None:
    feeds = {"x": np.array([[-20, -1, 0, 3]], np.float32), "c": np.array(True)}
    before = np.asarray(Session(rich()).run(feeds)["z"])
    after = Session(operate(rich(), insert_relu).model).run(feeds)
    assert np.array_equal(np.asarray(after["z"]), np.maximum(before, 0))


def test_a_second_run_of_an_edit_that_finds_nothing_changes_nothing() -> None:
    def drop_identity(graph: Any) -> None:
        for node in [n for n in graph.nodes if n.op == "Identity"]:
            node.i().outputs = [node.outputs[0]]
            node.outputs.clear()

    once = operate(rich(), drop_identity)
    assert [r.removed for r in once.rewrites] == [("call", "custom")]
    again = operate(once.model, drop_identity)
    assert again.rewrites == ()
    assert again.model is once.model


def big_model(folder: Path) -> ir.Model:
    """A model file with a weight of 1 MB, read back."""
    weight = np.arange(512 * 512, dtype=np.float32).reshape(512, 512)
    x = ir.val("x", ir.DataType.FLOAT, [1, 512])
    w = ir.val("w", const_value=ir.tensor(weight, name="w"))
    v = ir.val("v", const_value=ir.tensor(weight + 1, name="v"))
    first = ir.Node("", "MatMul", [x, w], name="first")
    second = ir.Node("", "MatMul", [first.outputs[0], v], name="second")
    first.outputs[0].name = "h"
    second.outputs[0].name = "y"
    y = second.outputs[0]
    y.type, y.shape = ir.TensorType(ir.DataType.FLOAT), ir.Shape([1, 512])
    graph = ir.Graph(
        [x], [y], nodes=[first, second], initializers=[w, v], opset_imports={"": 17}, name="g"
    )
    save(ir.Model(graph, ir_version=10), folder / "big.onnx")
    return load(folder / "big.onnx")


def test_untouched_weights_are_the_very_same_tensors(tmp_path: Path) -> None:
    model = big_model(tmp_path)
    tensors = {name: value.const_value for name, value in model.graph.initializers.items()}

    def insert(graph: Any) -> None:
        out = graph.nodes[0].outputs[0]
        middle = gs.Variable("middle", dtype=np.float32)
        graph.nodes[0].outputs = [middle]
        graph.nodes.insert(1, gs.Node("Relu", "relu", inputs=[middle], outputs=[out]))

    result = operate(model, insert)
    assert result.model is not model
    for name, value in result.model.graph.initializers.items():
        assert value.const_value is tensors[name]


def test_an_author_reads_and_changes_real_weights(tmp_path: Path) -> None:
    model = big_model(tmp_path)
    kept = model.graph.initializers["v"].const_value

    def scale(graph: Any) -> None:
        weight = graph.nodes[0].inputs[1]
        assert weight.values[1, 2] == 514
        weight.values *= 2

    result = operate(model, scale)
    new = result.model.graph.initializers["w"].const_value
    assert new is not None
    assert new.numpy()[1, 2] == 1028
    assert result.model.graph.initializers["v"].const_value is kept
    assert [(r.node, r.outputs) for r in result.rewrites] == [("first", ("h",))]


def test_a_weight_that_was_only_read_is_not_copied(tmp_path: Path) -> None:
    model = big_model(tmp_path)
    tensor = model.graph.initializers["w"].const_value

    def read(graph: Any) -> None:
        assert graph.nodes[0].inputs[1].values.sum() > 0

    result = operate(model, read)
    assert result.model is model
    assert model.graph.initializers["w"].const_value is tensor


def test_a_weight_that_was_renamed_and_shared_keeps_its_tensor(tmp_path: Path) -> None:
    model = big_model(tmp_path)
    tensor = model.graph.initializers["w"].const_value

    def share(graph: Any) -> None:
        weight = graph.nodes[0].inputs[1]
        weight.name = "shared"
        graph.nodes[1].inputs[1] = weight

    result = operate(model, share)
    assert list(result.model.graph.initializers) == ["shared"]
    assert result.model.graph.initializers["shared"].const_value is tensor


def test_graphsurgeon_can_fold_constants() -> None:
    model = from_text(
        """
        <ir_version: 8, opset_import: ["" : 13]>
        main (float[2] x) => (float[2] y) <float[2] w = {1, 2}, float[2] v = {3, 4}>
        { [sum] s = Add(w, v)  [last] y = Mul(x, s) }
        """
    )

    def fold(graph: Any) -> None:
        graph.fold_constants()

    result = operate(model, fold)
    check(result.model)
    assert [node.name for node in result.model.graph] == ["last"]
    got = Session(result.model).run({"x": np.array([1, 10], np.float32)})
    assert np.asarray(got["y"]).tolist() == [4, 60]


def test_attributes_that_graphsurgeon_does_not_know_survive() -> None:
    model = from_text(
        """
        <ir_version: 8, opset_import: ["" : 15, "mine" : 1]>
        main (float[2] x) => (float[2] y, bool has)
        { [custom] y = mine.Foo <sizes: ints = []> (x)
          [none] o = Optional()
          [has] has = OptionalHasElement(o) }
        """
    )
    none = next(node for node in model.graph if node.name == "none")
    kind = ir.TypeAndShape(ir.TensorType(ir.DataType.FLOAT), ir.Shape([2]))
    none.attributes.add(ir.Attr("type", ir.AttributeType.TYPE_PROTO, kind))

    def rename(graph: Any) -> None:
        for node in graph.nodes:
            node.name += "!"
        graph.outputs[0].dtype = np.float32
        custom = graph.nodes[0]
        middle = gs.Variable("middle", dtype=np.float32)
        custom.inputs = [middle]
        graph.nodes.insert(0, gs.Node("Relu", inputs=[graph.inputs[0]], outputs=[middle]))

    result = operate(model, rename)
    nodes = {node.op_type: node for node in result.model.graph}
    assert nodes["Optional"].attributes["type"].value == kind
    assert list(nodes["Foo"].attributes["sizes"].as_ints()) == []
    assert nodes["Foo"].name == "custom!"


def test_exotic_dtypes_that_nobody_touches_survive() -> None:
    model = rich()
    for name, dtype in (("f8", ir.DataType.FLOAT8E4M3FNUZ), ("i4", ir.DataType.INT4)):
        array = np.zeros(6, dtype.numpy())
        value = ir.val(name, const_value=ir.Tensor(array, dtype=dtype, name=name))
        model.graph.register_initializer(value)
        model.graph.append(ir.Node("mine", "Eat", [value], name=f"eat_{name}"))
        model.graph[-1].outputs[0].name = f"{name}_out"
        model.graph.outputs.append(model.graph[-1].outputs[0])
    tensor = model.graph.initializers["i4"].const_value
    result = operate(model, insert_relu)
    assert result.model.graph.initializers["i4"].const_value is tensor
    assert result.model.graph.initializers["f8"].dtype == ir.DataType.FLOAT8E4M3FNUZ

    def touch(graph: Any) -> None:
        graph.tensors()["i4"].values  # noqa: B018

    with pytest.raises(PassError) as caught:
        operate(model, touch)
    assert (
        str(caught.value) == "graphsurgeon cannot write int4, which the pass touched in weight 'i4'"
    )


def test_a_declared_shape_that_was_changed_is_a_change() -> None:
    def widen(graph: Any) -> None:
        graph.inputs[0].shape = ["M", 4]

    result = operate(rich(), widen)
    assert result.model.graph.inputs[0].shape == ir.Shape(["M", 4])
    assert result.rewrites[0].note == "name, type or shape changed: x"


def test_a_node_that_was_renamed_is_a_change() -> None:
    def rename(graph: Any) -> None:
        graph.nodes[0].name = "other"

    result = operate(rich(), rename)
    assert result.model.graph[0].name == "other"
    assert result.model.graph[0].doc_string == "doc of first"
    assert [rewrite.note for rewrite in result.rewrites] == ["name, type or shape changed: other"]


def test_a_skip_leaves_the_model() -> None:
    model = rich()
    result = operate(model, lambda graph: Skip("there is no Resize"))
    assert result.model is model
    assert [skip.reason for skip in result.skips] == ["there is no Resize"]


def test_overloads_are_refused() -> None:
    model = rich()
    (function,) = model.functions.values()
    copy = function.clone()
    copy.overload = "second"
    model.functions[copy.identifier()] = copy
    with pytest.raises(PassError) as caught:
        operate(model, lambda graph: None)
    assert str(caught.value) == (
        "graphsurgeon mixes up overloads of functions, the model has some of Twice"
    )


def test_two_tensors_of_one_name_are_refused() -> None:
    def clash(graph: Any) -> None:
        out = graph.outputs[1]
        graph.nodes.append(gs.Node("Neg", "neg", inputs=[out], outputs=[gs.Variable("a")]))
        graph.outputs.append(graph.nodes[-1].outputs[0])

    with pytest.raises(PassError, match="the edited graph is broken"):
        operate(rich(), clash)


def test_a_cycle_is_refused() -> None:
    def loop(graph: Any) -> None:
        first = next(node for node in graph.nodes if node.name == "first")
        second = next(node for node in graph.nodes if node.name == "second")
        first.inputs[0] = second.outputs[0]

    with pytest.raises(PassError, match="the edited graph is broken"):
        operate(rich(), loop)


def test_nothing_is_printed_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    operate(rich(), insert_relu)
    assert capsys.readouterr().out == ""

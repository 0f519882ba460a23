"""The rewriter: what it builds, what it keeps, and what it takes away again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from graphfix.errors import PassError
from graphfix.model import check, from_text, to_text
from graphfix.rewrite import PassContext, PassResult, RewritePass, Rewriter, Skip
from graphfix.runners.onnxruntime import Session

Answer = ir.Value | Sequence[ir.Value | None] | Mapping[ir.Value, ir.Value] | Skip


@dataclass(frozen=True, kw_only=True)
class Anything(RewritePass):
    """Rewrites nodes of one operator by a function."""

    name = "anything"
    match_ops = ()
    op: str
    act: Callable[[ir.Node, Rewriter], Answer]

    def matches(self, node: ir.Node) -> bool:
        return node.op_type == self.op

    def rewrite(self, node: ir.Node, rw: Rewriter) -> Answer:
        return self.act(node, rw)


def rewrite(
    model: ir.Model, op: str, act: Callable[[ir.Node, Rewriter], Answer], *, valid: bool = True
) -> PassResult:
    result = Anything(op=op, act=act).run(model, PassContext())
    if valid:
        check(model)
    return result


def main(text: str, opset: int = 13) -> ir.Model:
    return from_text(f'<ir_version: 8, opset_import: ["" : {opset}, "mine" : 1]> {text}')


def run(model: ir.Model, **feeds: Any) -> dict[str, Any]:
    arrays = {name: np.asarray(feed) for name, feed in feeds.items()}
    return {name: np.asarray(a).tolist() for name, a in Session(model).run(arrays).items()}


def ops(model: ir.Model) -> list[str]:
    return [node.op_type for node in model.graph.all_nodes()]


X = np.array([-1, 2], np.float32)


def test_a_replacement_takes_over_name_type_shape_and_metadata() -> None:
    model = main("g (float[2] x) => (float[2] y) { [n] h = Neg(x)  y = Abs(h) }")
    old = model.graph[0].outputs[0]
    old.shape, old.type = ir.Shape([2]), ir.TensorType(ir.DataType.FLOAT)
    old.metadata_props["origin"] = "here"
    result = rewrite(model, "Neg", lambda n, rw: rw.op("Mul", n.inputs[0], rw.const(-1.0)))
    new = model.graph[0].outputs[0]
    assert (new.name, new.shape, new.dtype) == ("h", ir.Shape([2]), ir.DataType.FLOAT)
    assert new.metadata_props == {"origin": "here"}
    assert model.graph[0].name == "n/Mul_0"
    (record,) = result.rewrites
    assert (record.node, record.op_type, record.outputs) == ("n", "Neg", ("h",))
    assert (record.inputs, record.added, record.removed) == (("x",), ("n/Mul_0",), ("n",))
    assert run(model, x=X) == {"y": [1, 2]}


def test_a_replaced_graph_output_keeps_its_name() -> None:
    model = main("g (float[2] x) => (float[2] y) { y = Neg(x) }")
    rewrite(model, "Neg", lambda n, rw: rw.op("Mul", n.inputs[0], rw.const(-1.0)))
    assert run(model, x=X) == {"y": [1, -2]}


def test_a_graph_output_that_others_read_keeps_its_readers() -> None:
    model = main("g (float[2] x) => (float[2] y, float[2] z) { y = Neg(x)  z = Abs(y) }")
    rewrite(model, "Neg", lambda n, rw: rw.op("Mul", n.inputs[0], rw.const(-1.0)))
    assert run(model, x=X) == {"y": [1, -2], "z": [1, 2]}


@pytest.mark.parametrize("source", ["x", "w", "h"])
def test_a_graph_output_may_be_replaced_by_any_value(source: str) -> None:
    model = main(
        """
        g (float[2] x) => (float[2] y) <float[2] w = {5, 6}>
        { h = Abs(x)  s = Add(h, w)  y = Neg(s) }
        """
    )

    def act(node: ir.Node, rw: Rewriter) -> Answer:
        values = {v.name: v for n in rw.model.graph for v in n.outputs}
        values.update({v.name: v for v in rw.model.graph.inputs})
        values.update(rw.model.graph.initializers)
        return values[source]

    result = rewrite(model, "Neg", act)
    want = {"x": [-1, 2], "w": [5, 6], "h": [1, 2]}[source]
    assert run(model, x=X) == {"y": want}
    assert result.rewrites[0].outputs == ("y",)
    assert ("w" in model.graph.initializers) == (source == "w")


def test_an_eliminated_node_names_no_output_that_is_gone() -> None:
    model = main("g (float[2] x) => (float[2] y) { h = Identity(x)  y = Neg(h) }")
    result = rewrite(model, "Identity", lambda n, rw: [n.inputs[0]])
    assert ops(model) == ["Neg"]
    assert result.rewrites[0].outputs == ()
    assert run(model, x=X) == {"y": [1, -2]}


def test_two_outputs_replaced_by_one_value() -> None:
    model = main(
        """
        g (float[4] x) => (float[2] y, float[2] z) <int64[2] s = {2, 2}>
        { y, z = Split <axis = 0> (x, s) }
        """
    )

    def act(node: ir.Node, rw: Rewriter) -> Answer:
        part = rw.op("Slice", node.inputs[0], rw.const([1]), rw.const([3]))
        return [part, part]

    rewrite(model, "Split", act)
    assert run(model, x=np.arange(4, dtype=np.float32)) == {"y": [1, 2], "z": [1, 2]}
    assert "s" not in model.graph.initializers


def test_one_of_several_outputs_can_be_replaced() -> None:
    model = main(
        """
        g (float[4] x) => (float[2] y, float[2] z) <int64[2] s = {2, 2}>
        { [n] y, z = Split <axis = 0> (x, s) }
        """
    )

    def act(node: ir.Node, rw: Rewriter) -> Answer:
        return [None, rw.op("Slice", node.inputs[0], rw.const([0]), rw.const([2]))]

    result = rewrite(model, "Split", act)
    assert run(model, x=np.arange(4, dtype=np.float32)) == {"y": [0, 1], "z": [0, 1]}
    assert result.rewrites[0].outputs == ("z",)
    assert result.rewrites[0].removed == ()


def test_a_mapping_replaces_values_beyond_the_anchor() -> None:
    model = main("g (float[2] x) => (float[2] y) { h = Neg(x)  k = Abs(h)  y = Exp(k) }")

    def act(node: ir.Node, rw: Rewriter) -> Answer:
        reader = rw.only_reader(node.outputs[0], "Abs")
        assert reader is not None
        return {reader.outputs[0]: rw.op("Abs", node.inputs[0])}

    result = rewrite(model, "Neg", act)
    assert ops(model) == ["Abs", "Exp"]
    assert set(result.rewrites[0].removed) == {"Neg_h", "Abs_k"}


def test_a_value_read_in_a_subgraph_is_still_needed() -> None:
    model = main(
        """
        g (float[2] x, bool c) => (float[2] y)
        { h = Neg(x)  k = Abs(h)
          y = If(c) <then_branch = t () => (float[2] a) { a = Add(h, k) },
                     else_branch = e () => (float[2] b) { b = Identity(k) }> }
        """
    )
    rewrite(model, "Abs", lambda n, rw: rw.op("Relu", n.inputs[0]))
    assert ops(model) == ["Neg", "Relu", "If", "Add", "Identity"]
    assert run(model, x=X, c=True) == {"y": [2, -2]}


def test_what_only_a_removed_subgraph_read_is_removed() -> None:
    model = main(
        """
        g (float[2] x, bool c) => (float[2] y) <float[2] w = {1, 2}>
        { h = Neg(x)
          y = If(c) <then_branch = t () => (float[2] a) { a = Add(h, w) },
                     else_branch = e () => (float[2] b) { b = Sub(h, w) }> }
        """
    )
    result = rewrite(model, "If", lambda n, rw: rw.op("Exp", model.graph.inputs[0]))
    assert ops(model) == ["Exp"]
    assert not model.graph.initializers
    assert set(result.rewrites[0].removed) == {"If_y", "Neg_h"}


def test_a_subgraph_that_moves_to_a_new_node_stays_whole() -> None:
    model = main(
        """
        g (float[2] x, bool c) => (float[2] y) <float[2] w = {1, 2}>
        { y = If(c) <then_branch = t () => (float[2] a) { a = Add(x, w) },
                     else_branch = e () => (float[2] b) { b = Sub(x, w) }> }
        """
    )

    def act(node: ir.Node, rw: Rewriter) -> Answer:
        swapped = {
            "then_branch": node.attributes["else_branch"].as_graph(),
            "else_branch": node.attributes["then_branch"].as_graph(),
        }
        attributes: Any = {name: ir.AttrGraph(name, graph) for name, graph in swapped.items()}
        return rw.op("If", rw.op("Not", node.inputs[0]), **attributes)

    rewrite(model, "If", act)
    assert "w" in model.graph.initializers
    assert run(model, x=X, c=True) == {"y": [0, 4]}
    assert run(model, x=X, c=False) == {"y": [-2, 0]}


def test_a_copy_has_subgraphs_of_its_own() -> None:
    model = main(
        """
        g (float[2] x, bool c) => (float[2] y)
        { y = If(c) <then_branch = t () => (float[2] a) { a = Neg(x) },
                     else_branch = e () => (float[2] b) { b = Abs(x) }> }
        """
    )
    body = model.graph[0].attributes["then_branch"].as_graph()
    rewrite(model, "If", lambda n, rw: rw.op("Relu", rw.copy(n)))
    assert model.graph[0].attributes["then_branch"].as_graph() is not body
    assert run(model, x=X, c=True) == {"y": [1, 0]}


def test_a_copy_calls_the_same_overload() -> None:
    model = main("g (float[2] x) => (float[2] y) { y = mine.Foo(x) }")
    model.graph[0].overload = "second"
    rewrite(model, "Foo", lambda n, rw: rw.op("Abs", rw.copy(n)), valid=False)
    assert model.graph[0].overload == "second"


def test_a_shared_initializer_stays_for_its_other_readers() -> None:
    model = main(
        "g (float[2] x) => (float[2] y) <float[2] w = {1, 2}> { h = Add(x, w)  y = Mul(h, w) }"
    )
    rewrite(model, "Add", lambda n, rw: rw.op("Abs", n.inputs[0]))
    assert list(model.graph.initializers) == ["w"]
    assert run(model, x=X) == {"y": [1, 4]}


def test_initializers_that_are_inputs_or_outputs_stay() -> None:
    model = main(
        """
        g (float[2] x, float[2] w) => (float[2] y, float[2] v)
        <float[2] w = {1, 2}, float[2] v = {3, 4}>
        { h = Add(x, w)  y = Add(h, v) }
        """
    )
    rewrite(model, "Add", lambda n, rw: rw.op("Abs", model.graph.inputs[0]))
    assert set(model.graph.initializers) == {"w", "v"}
    assert [value.name for value in model.graph.inputs] == ["x", "w"]


def test_an_initializer_can_be_replaced_everywhere() -> None:
    model = main(
        "g (float[2] x) => (float[2] y) <float[2] w = {1, 2}> { h = Add(x, w)  y = Mul(h, w) }"
    )

    def act(node: ir.Node, rw: Rewriter) -> Answer:
        return {node.inputs[1]: rw.const(np.array([5, 6], np.float32))}  # type: ignore[dict-item]

    rewrite(model, "Add", act)
    assert "w" not in model.graph.initializers
    assert run(model, x=X) == {"y": [20, 48]}


def test_a_skip_takes_everything_back() -> None:
    model = main("g (float[2] x) => (float[2] y) { [n] y = Neg(x) }")
    text = to_text(model)

    def act(node: ir.Node, rw: Rewriter) -> Answer:
        first = rw.op("Mul", node.inputs[0], rw.const(np.arange(100, dtype=np.float32)))
        rw.ops("Split", first, rw.const([1, 1]), outputs=2)
        return rw.skip("x has no 100 elements")

    result = rewrite(model, "Neg", act)
    assert to_text(model) == text
    assert [(s.node, s.op_type, s.reason) for s in result.skips] == [
        ("n", "Neg", "x has no 100 elements")
    ]


def test_a_constant_of_a_skipped_rewrite_is_made_again() -> None:
    model = main("g (float[2] x) => (float[2] y) { h = Neg(x)  y = Neg(h) }")
    seen: list[ir.Node] = []

    def act(node: ir.Node, rw: Rewriter) -> Answer:
        value = rw.op("Mul", node.inputs[0], rw.const(-1.0))
        seen.append(node)
        return rw.skip("not the first") if len(seen) == 1 else value

    rewrite(model, "Neg", act)
    assert ops(model) == ["Neg", "Mul"]
    assert run(model, x=X) == {"y": [-1, 2]}


def test_what_a_rewrite_built_in_vain_is_removed() -> None:
    model = main("g (float[2] x) => (float[2] y) { y = Neg(x) }")

    def act(node: ir.Node, rw: Rewriter) -> Answer:
        rw.op("Exp", rw.op("Add", node.inputs[0], rw.const([1.0, 2.0])))
        return rw.op("Abs", node.inputs[0])

    result = rewrite(model, "Neg", act)
    assert ops(model) == ["Abs"]
    assert not model.graph.initializers
    assert len(result.rewrites[0].added) == 1


def test_a_node_in_another_form_keeps_its_name_and_notes_when_the_old_one_goes() -> None:
    model = main("g (float[2] x) => (float[2] y) { [pool] y = LeakyRelu <alpha = 0.5> (x) }")
    model.graph[0].doc_string = "why"
    result = rewrite(
        model,
        "LeakyRelu",
        lambda n, rw: rw.restate(n, drop=["alpha"], beta=1.0),
        valid=False,
    )
    (node,) = model.graph
    assert (node.name, node.doc_string, list(node.attributes)) == ("pool", "why", ["beta"])
    assert (result.rewrites[0].added, result.rewrites[0].removed) == (("pool",), ("pool",))


def test_a_node_in_another_form_has_a_name_of_its_own_beside_the_old_one() -> None:
    model = main("g (float[2] x) => (float[2] y) { [act] a = Abs(x)  [neg] y = Neg(a) }")

    def act(node: ir.Node, rw: Rewriter) -> Answer:
        (source,) = node.inputs
        maker = rw.producer(source)
        assert maker is not None
        return rw.op("Add", *rw.restate(maker), source)

    rewrite(model, "Neg", act)
    assert [node.name for node in model.graph] == ["act", "neg/Abs_0", "neg/Add_0"]


def test_small_equal_constants_are_shared_and_large_ones_are_not() -> None:
    model = main("g (float[2] x) => (float[2] y) { h = Neg(x)  y = Neg(h) }")
    rewrite(model, "Neg", lambda n, rw: rw.op("Mul", n.inputs[0], rw.const(-1.0)))
    assert len(model.graph.initializers) == 1
    assert run(model, x=X) == {"y": [-1, 2]}


@pytest.mark.parametrize(
    ("data", "dtype", "want"),
    [
        (1, None, ir.DataType.INT64),
        (1.0, None, ir.DataType.FLOAT),
        (True, None, ir.DataType.BOOL),
        ([], None, ir.DataType.INT64),
        ([1, 2], ir.DataType.INT32, ir.DataType.INT32),
        ([1.0], ir.DataType.BFLOAT16, ir.DataType.BFLOAT16),
        (np.int32(3), None, ir.DataType.INT32),
        (np.float64(3), None, ir.DataType.DOUBLE),
        (np.array([1], np.uint8), None, ir.DataType.UINT8),
    ],
)
def test_dtypes_of_constants(data: Any, dtype: ir.DataType | None, want: ir.DataType) -> None:
    model = main("g (float[2] x) => (float[2] y) { y = Neg(x) }")
    made: list[ir.Value] = []

    def act(node: ir.Node, rw: Rewriter) -> Answer:
        made.append(rw.const(data, dtype))
        return rw.skip("only looking")

    rewrite(model, "Neg", act)
    assert made[0].dtype == want


def test_new_names_avoid_all_that_are_there() -> None:
    model = main(
        """
        g (float[2] x, bool c) => (float[2] y)
        { [n] h = Neg(x)
          y = If(c) <then_branch = t () => (float[2] "n/Mul_0") { "n/Mul_0" = Abs(h) },
                     else_branch = e () => (float[2] b) { ["n/Mul_1"] b = Exp(h) }> }
        """
    )
    rewrite(model, "Neg", lambda n, rw: rw.op("Mul", n.inputs[0], rw.const(-1.0)))
    assert model.graph[0].name == "n/Mul_2"


def test_an_unnamed_anchor_goes_by_its_output() -> None:
    model = main("g (float[2] x) => (float[2] y) { y = Neg(x) }")
    result = rewrite(model, "Neg", lambda n, rw: rw.op("Abs", n.inputs[0]))
    assert result.rewrites[0].node == "Neg_y"
    assert model.graph[0].name == "Neg_y/Abs_0"


def test_a_replacement_that_reads_what_it_replaces_is_refused() -> None:
    model = main("g (float[2] x) => (float[2] y) { [n] y = Neg(x) }")
    with pytest.raises(PassError) as caught:
        rewrite(model, "Neg", lambda n, rw: rw.op("Abs", n.outputs[0]))
    assert str(caught.value) == (
        "n: the replacement reads a value it replaces, which makes a cycle; the pass must rebuild "
        "the anchor with rw.copy"
    )


def test_a_value_that_replaces_itself_is_refused() -> None:
    model = main("g (float[2] x) => (float[2] y) { [n] y = Neg(x) }")
    with pytest.raises(PassError) as caught:
        rewrite(model, "Neg", lambda n, rw: n.outputs[0])
    assert str(caught.value) == "n: a value cannot replace another and be replaced itself"


def test_a_tensor_becomes_a_constant_without_a_copy_and_keeps_its_own_name() -> None:
    model = main("g (float[2] x) => (float[2] y) { y = Neg(x) }")
    weight = ir.tensor(np.array([2, 3], np.float32), name="weight")
    rewrite(model, "Neg", lambda n, rw: rw.op("Mul", n.inputs[0], rw.tensor(weight)))
    (value,) = model.graph.initializers.values()
    assert value.const_value is not None
    assert np.shares_memory(value.const_value.numpy(), weight.numpy())
    assert (value.name, weight.name) == ("Neg_y/const_0", "weight")
    assert run(model, x=X) == {"y": [-2, 6]}


def test_a_tensor_of_another_model_keeps_its_name_there() -> None:
    message = onnx.helper.make_tensor("weight", onnx.TensorProto.FLOAT, [2], [2.0, 3.0])
    weight = ir.serde.TensorProtoTensor(message)
    model = main("g (float[2] x) => (float[2] y) { y = Neg(x) }")
    rewrite(model, "Neg", lambda n, rw: rw.op("Mul", n.inputs[0], rw.tensor(weight)))
    (value,) = model.graph.initializers.values()
    value.name = "other"
    assert (weight.name, message.name) == ("weight", "weight")
    assert run(model, x=X) == {"y": [-2, 6]}


@pytest.mark.parametrize(("skip", "version"), [(False, 4), (True, 3)])
def test_a_constant_lifts_the_ir_version_above_those_where_it_would_be_an_input(
    skip: bool, version: int
) -> None:
    model = main("g (float[2] x) => (float[2] y) { y = Neg(x) }", opset=9)
    model.ir_version = 3

    def act(node: ir.Node, rw: Rewriter) -> Answer:
        value = rw.op("Mul", node.inputs[0], rw.const(-1.0))
        return rw.skip("changed its mind") if skip else value

    rewrite(model, "Neg", act)
    assert model.ir_version == version


def test_constants_in_functions_are_nodes() -> None:
    model = main(
        """
        g (float[2] x) => (float[2] y) { y = mine.Twice(x) }
        <domain: "mine", opset_import: ["" : 13]> Twice (p) => (q) { q = Neg(p) }
        """
    )
    result = rewrite(model, "Neg", lambda n, rw: rw.op("Mul", n.inputs[0], rw.const([3.0])))
    assert result.rewrites[0].graph == "Twice"
    (function,) = model.functions.values()
    assert [node.op_type for node in function] == ["Constant", "Mul"]
    assert run(model, x=X) == {"y": [-3, 6]}


def test_a_subgraph_in_a_function_has_the_opset_of_the_function() -> None:
    model = main(
        """
        g (float[2] x, bool c) => (float[2] y) { y = mine.Maybe(x, c) }
        <domain: "mine", opset_import: ["" : 11]> Maybe (p, c) => (q)
        { q = If(c) <then_branch = t () => (float[2] a) { a = Neg(p) },
                     else_branch = e () => (float[2] b) { b = Abs(p) }> }
        """
    )
    opsets: list[int] = []

    def act(node: ir.Node, rw: Rewriter) -> Answer:
        opsets.append(rw.opset)
        return rw.skip("only looking")

    rewrite(model, "Neg", act, valid=False)
    rewrite(model, "If", act, valid=False)
    assert opsets == [11, 11]


def test_only_reader_sees_no_outputs_no_second_use_and_no_subgraphs() -> None:
    model = main(
        """
        g (float[2] x, bool c) => (float[2] y, float[2] out)
        { one = Neg(x)  a = Abs(one)
          two = Neg(a)  b = Add(two, two)
          out = Neg(b)  d = Exp(out)
          inner = Neg(d)
          y = If(c) <then_branch = t () => (float[2] t1) { t1 = Abs(inner) },
                     else_branch = e () => (float[2] e1) { e1 = Abs(x) }> }
        """
    )
    found: dict[str | None, str | None] = {}

    def act(node: ir.Node, rw: Rewriter) -> Answer:
        reader = rw.only_reader(node.outputs[0])
        found[node.outputs[0].name] = None if reader is None else reader.op_type
        return rw.skip("only looking")

    rewrite(model, "Neg", act)
    assert found == {"one": "Abs", "two": None, "out": None, "inner": None}


def test_reading_attributes_and_inputs() -> None:
    model = main(
        """
        g (float[2,1] x) => (float[2] y) <int64[1] axes = {1}>
        { y = Squeeze(x, axes) }
        """
    )

    def act(node: ir.Node, rw: Rewriter) -> Answer:
        assert rw.param_ints(node, "axes", 1) == (1,)
        assert rw.has_input(node, 1)
        assert not rw.has_input(node, 2)
        assert rw.scalar(node.inputs[1]) == 1
        assert rw.scalar(node.inputs[0]) is None
        assert rw.ints(node.inputs[0]) is None
        assert rw.attr_int(node, "none", 7) == 7
        assert rw.producer(node.inputs[0]) is None
        return rw.skip("only looking")

    assert rewrite(model, "Squeeze", act).skips


def test_lists_of_an_attribute_that_is_not_there_are_empty() -> None:
    model = main("""g (float[1,1,1] x, float[1,1,1] w) => (float[1,1,1,1] y)
        { y = RNN <activations = ["Relu", "Tanh"], activation_alpha = [0.5]> (x, w, w) }""")
    read: list[Sequence[object]] = []

    def act(node: ir.Node, rw: Rewriter) -> Skip:
        read.extend(rw.attr_strs(node, name) for name in ("activations", "others"))
        read.extend(rw.attr_floats(node, f"activation_{name}") for name in ("alpha", "beta"))
        return rw.skip("read")

    rewrite(model, "RNN", act)
    assert read == [("Relu", "Tanh"), (), (0.5,), ()]

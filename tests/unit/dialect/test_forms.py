"""What golden files do not show: depth, clashes, and what must be left alone."""

import numpy as np
import onnx_ir as ir
import pytest

from graphfix.dialect import looks_like_dialect, lower, raise_dialect
from graphfix.errors import DialectError
from graphfix.model import check, from_text, to_proto, to_text
from graphfix.ops import FunctionOperator
from graphfix.runners.onnxruntime import Session
from graphfix.target import load_profile

PROFILE = load_profile("Ascend310P3", "8.5")


def test_captures_are_handed_on_through_every_level() -> None:
    model = from_text("""
    <ir_version: 7, opset_import: ["" : 13]>
    main (float[2] x, bool flag) => (float[2] y)
    {
       [k] k = Neg (x)
       [one] y = If (flag) <
          then_branch = a () => (float[2] p) {
             [two] p = If (flag) <
                then_branch = c () => (float[2] r) {
                   [three] r = If (flag) <
                      then_branch = e () => (float[2] t) { [t] t = Neg (k) },
                      else_branch = f () => (float[2] u) { [u] u = Abs (k) }
                   >
                },
                else_branch = d () => (float[2] s) { [s] s = Relu (k) }
             >
          },
          else_branch = b () => (float[2] q) { [q] q = Identity (x) }
       >
    }""")
    lowered = lower(model, PROFILE).model
    check(lowered)
    for branch in lowered.graph.subgraphs():
        own = {value for node in branch for value in (*node.inputs, *node.outputs)}
        for node in branch:
            for inner in node.attributes.values():
                for each in inner.as_graph().all_nodes() if node.op_type == "If" else ():
                    made_inside = {v for n in inner.as_graph().all_nodes() for v in n.outputs}
                    assert all(value in own or value in made_inside for value in each.inputs)
    x = np.array([1, -2], np.float32)
    for flag in (True, False):
        feeds = {"x": x, "flag": np.array(flag)}
        np.testing.assert_array_equal(Session(lowered).run(feeds)["y"], x)
    assert to_text(lower(raise_dialect(lowered).model, PROFILE).model) == to_text(lowered)


def test_names_stay_unique_where_functions_and_branches_have_the_same() -> None:
    model = from_text("""
    <ir_version: 8, opset_import: ["" : 13, "lib" : 1]>
    main (float[2] x, bool flag) => (float[2] y)
    {
       [call] z = lib.scale (x)
       [choice] y = If (flag) <
          then_branch = a () => (float[2] p) {
             [call] "scale/t_0" = Neg (z)
             [p] p = lib.scale ("scale/t_0")
          },
          else_branch = b () => (float[2] p) { [p] p = lib.scale (z) }
       >
    }
    <domain: "lib", opset_import: ["" : 13]>
    scale (v) => (w)
    {
       t = Add (v, v)
       w = Mul (t, v)
    }""")
    before = Session(model)
    lowered = lower(model, PROFILE).model
    check(lowered)
    names = [node.name for node in lowered.graph.all_nodes()]
    assert len(names) == len(set(names))
    feeds = {"x": np.array([3, -1], np.float32), "flag": np.array(True)}
    np.testing.assert_array_equal(Session(lowered).run(feeds)["y"], before.run(feeds)["y"])


def test_functions_that_call_each_other_in_a_circle_are_refused() -> None:
    model = from_text("""
    <ir_version: 8, opset_import: ["" : 13, "lib" : 1]>
    main (float[2] x) => (float[2] y) { y = lib.a (x) }
    <domain: "lib", opset_import: ["" : 13, "lib" : 1]>
    a (v) => (w) { w = lib.b (v) }
    <domain: "lib", opset_import: ["" : 13, "lib" : 1]>
    b (v) => (w) { w = lib.a (v) }
    """)
    with pytest.raises(DialectError, match=r"Cyclic dependency .*; inline it before"):
        lower(model, PROFILE)


def test_a_plugin_does_not_take_over_an_operator_of_onnx() -> None:
    model = from_text("""
    <ir_version: 10, opset_import: ["" : 20]>
    main (float[2] x) => (float[2] y) { [g] y = Gelu (x) }
    """)
    gelu = FunctionOperator.from_text(
        '<domain: "my", opset_import: ["" : 20]> Gelu (x) => (y) { y = Relu (x) }'
    )
    raised = raise_dialect(model, operators={"Gelu": gelu})
    assert raised.report.lines() == ()
    assert [node.domain for node in raised.model.graph] == [""]


def test_a_reduction_gets_its_shape_from_the_axes_it_was_written_with() -> None:
    """Without them it would be over all axes, and so would be what is made of it."""
    raised = raise_dialect(
        from_text("""
        <ir_version: 7, opset_import: ["" : 13]>
        main (float[2,4] x) => (y)
        {
           [sum] s = ReduceSum <axes = [1], keepdims = 0> (x)
           [neg] y = Neg (s)
        }""")
    ).model
    assert raised.graph.outputs[0].shape == ir.Shape([2])


def test_an_initializer_that_is_an_input_keeps_its_type() -> None:
    """Its caller may give another value."""
    raised = raise_dialect(
        from_text("""
        <ir_version: 3, opset_import: ["" : 11]>
        main (float[2,6] x, int32[2] shape = {3, 4}) => (float[3,4] y)
        { [r] y = Reshape (x, shape) }
        """)
    ).model
    assert raised.graph.inputs[1].dtype == ir.DataType.INT32
    feeds = {"x": np.zeros((2, 6), np.float32)}
    assert np.asarray(Session(raised).run(feeds)["y"]).shape == (3, 4)


@pytest.mark.parametrize(
    ("node", "is_dialect"),
    [
        ("y = Relu (x)", False),
        ("y = GridSample (x, x)", True),
        ("y = MatMul <transB = 1> (x, x)", True),
        ("y = Reshape (x, shape)", True),
        ("y = lib.Anything (x)", False),
    ],
)
def test_what_looks_like_dialect(node: str, is_dialect: bool) -> None:
    model = from_text(f"""
    <ir_version: 7, opset_import: ["" : 11, "lib" : 1]>
    main (float[2,2] x) => (y) <int32[1] shape = {{4}}> {{ {node} }}
    """)
    assert looks_like_dialect(model) is is_dialect


def test_a_model_without_nodes_keeps_its_import() -> None:
    model = from_text('<ir_version: 7, opset_import: ["" : 13]> main (float[2] x) => (x) {}')
    lowered = lower(model, PROFILE).model
    assert lowered.graph.opset_imports == {"": 13}


def test_types_that_the_file_declares_give_way_to_those_that_follow() -> None:
    """A script narrowed the other side of a Concat and left the declared types as they were."""
    raised = raise_dialect(
        from_text("""
        <ir_version: 7, opset_import: ["" : 11]>
        main (float[2,3] x, int32[1] n) => (int32[3] both, int32[2] part)
           <int32[3] joined, int32[3] same>
        {
           [size] size = Shape (x)
           [join] joined = Concat <axis = 0> (n, size)
           [same] same = Identity (joined)
           [both] both = Abs (same)
           [part] part = Cast <to = 6> (size)
        }""")
    )
    check(raised.model)
    found = Session(raised.model).run(
        {"x": np.zeros((2, 3), np.float32), "n": np.array([-7], np.int32)}
    )
    np.testing.assert_array_equal(np.asarray(found["both"]), [7, 2, 3])
    assert [value.dtype for value in raised.model.graph.outputs] == [
        ir.DataType.INT64,
        ir.DataType.INT32,
    ]
    assert [note.what for note in raised.report.notes] == ["output 'both' is INT64 now, not INT32"]


def test_every_refused_node_is_named_once() -> None:
    model = from_text("""
    <ir_version: 7, opset_import: ["" : 13, "lib" : 1]>
    main (float[2] x, int64[n] shape) => (float[] y, float[2] z)
    {
       [turn] y = Transpose (r)
       [shaped] r = Reshape (x, shape)
       [other] z = lib.Other (x)
    }""")
    with pytest.raises(DialectError) as caught:
        lower(model, PROFILE)
    assert [line.split(":")[0].strip() for line in str(caught.value).splitlines()[1:]] == [
        "Transpose 'turn'",
        "Other 'other'",
    ]


def test_texts_in_constants() -> None:
    model = from_text("""
    <ir_version: 7, opset_import: ["" : 13]>
    main () => (y, z)
    {
       [one] y = Constant <value_string = "a"> ()
       [two] z = Constant <value_strings = ["b", "c"]> ()
    }""")
    one, two = (node.attributes["value"].as_tensor() for node in lower(model, PROFILE).model.graph)
    assert (one.numpy().shape, one.numpy().item()) == ((), b"a")
    assert list(two.numpy()) == [b"b", b"c"]


@pytest.mark.parametrize(
    ("node", "reason"),
    [
        ("y = MatMul <transA = 1> (x)", "its input B is missing"),
        ('y = Softmax <axis = "1"> (x)', "its attribute axis is STRING; ONNX has INT there"),
        ("y = GridSample (x)", "it must have two inputs"),
        ("y = DeformableConv2D (x)", "DeformableConv2D has 1 inputs"),
        ("y = DeformableConv2D <strides: ints = []> (x, x, x)", "strides or dilations are empty"),
        (
            "y = PSROIPooling <output_dim = 1, group_size = 1, spatial_scale = 1.0> (x, x)",
            "too few",
        ),
    ],
)
def test_malformed_nodes_are_refused_by_name(node: str, reason: str) -> None:
    model = from_text(f"""
    <ir_version: 7, opset_import: ["" : 11]>
    main (float[2,2] x) => (y) {{ [bad] {node} }}
    """)
    with pytest.raises(DialectError, match="'bad': ") as caught:
        raise_dialect(model)
    assert reason in str(caught.value)


def test_what_a_shape_is_filled_with_is_stored_as_raw_data() -> None:
    model = from_text("""
    <ir_version: 7, opset_import: ["" : 13]>
    main (int64[1] s) => (bool[n] y, float16[n] z)
    {
       y = ConstantOfShape <value = bool[1] {1}> (s)
       z = ConstantOfShape <value = float16[1] {15360}> (s)
    }""")
    lowered = to_proto(lower(model, PROFILE).model, weights=True)
    values = [node.attribute[0].t for node in lowered.graph.node]
    assert [tensor.raw_data for tensor in values] == [b"\x01", b"\x00\x3c"]
    assert not any(tensor.int32_data for tensor in values)
    assert not any(
        node.attribute[0].t.raw_data for node in to_proto(model, weights=True).graph.node
    )

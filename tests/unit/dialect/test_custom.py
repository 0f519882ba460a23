"""Calls of custom operators against plain nodes: what the golden files would need pages for."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

from graphfix.dialect import lower, raise_dialect
from graphfix.errors import DialectError
from graphfix.model import check, from_text, to_text
from graphfix.ops import OPERATORS, FunctionOperator
from graphfix.runners.onnxruntime import Session
from graphfix.target import load_profile
from tests.unit.ops.one_call import build

PROFILE = load_profile("Ascend310P3", "8.5")
RNG = np.random.default_rng(5)


def _numbers(*shape: int) -> Any:
    return RNG.normal(size=shape).astype(np.float32)


def _run(model: ir.Model, feeds: Mapping[str, Any]) -> dict[str, Any]:
    return dict(Session(model).run(feeds))


REGIONS = np.array([[0, 1, 1, 30, 25], [0, 4, 2, 200, 180]], np.float32)
CALLS: Mapping[str, tuple[str, list[Any], dict[str, Any], int]] = {
    "deformable": (
        "DeformableConv2D",
        [_numbers(2, 4, 6, 5), _numbers(6, 2, 3, 3), _numbers(2, 54, 6, 5), _numbers(6)],
        {"strides": (1,), "pads": (1, 1), "groups": 2, "deformable_groups": 2},
        11,
    ),
    "deformable with four equal pads": (
        "DeformableConv2D",
        [_numbers(1, 2, 6, 6), _numbers(2, 2, 3, 3), _numbers(1, 27, 3, 2)],
        {"strides": (2, 2), "pads": (1, 0, 1, 0), "dilations": (1, 1)},
        13,
    ),
    "nms": (
        "BatchMultiClassNMS",
        [
            np.cumsum(np.abs(_numbers(2, 9, 1, 4)), axis=-1),
            np.abs(_numbers(2, 9, 3)),
        ],
        {
            "score_threshold": 0.1,
            "iou_threshold": 0.4,
            "max_size_per_class": 4,
            "max_total_size": 6,
        },
        12,
    ),
    "regions": (
        "RoiExtractor",
        [_numbers(1, 3, 16, 16), _numbers(1, 3, 8, 8), REGIONS],
        {"spatial_scale": (0.25, 0.125), "pooled_height": 2, "pooled_width": 2, "aligned": 1},
        16,
    ),
    "regions not aligned": (
        "RoiExtractor",
        [_numbers(1, 3, 16, 16), REGIONS],
        {"spatial_scale": (0.25,), "aligned": 0},
        11,
    ),
    "position sensitive": (
        "PSROIPooling",
        [_numbers(1, 8, 6, 6), np.ascontiguousarray(REGIONS.T[None])],
        {"output_dim": 2, "group_size": 2, "spatial_scale": 0.0625},
        11,
    ),
}


def test_every_operator_has_a_call_here() -> None:
    assert {name for name, *_ in CALLS.values()} == set(OPERATORS)


@pytest.mark.parametrize("half", [False, True], ids=["float32", "float16"])
@pytest.mark.parametrize("name", list(CALLS))
def test_raised_again_it_computes_the_same_bits(name: str, half: bool) -> None:
    operator, inputs, attributes, opset = CALLS[name]
    arrays = [array.astype(np.float16) if half else array for array in inputs]
    model = build(operator, arrays, attributes, opset=opset)
    lowered = lower(model, PROFILE).model
    (node,) = lowered.graph
    assert (node.domain, node.op_type, node.overload) == ("", operator, "")
    assert list(node.attributes) == [item.name for item in OPERATORS[operator].attributes]
    assert not lowered.functions
    assert lowered.graph.opset_imports == {"": opset}
    raised = raise_dialect(lowered).model
    check(raised)
    feeds = {f"in{k}": array for k, array in enumerate(arrays)}
    expected, found = _run(model, feeds), _run(raised, feeds)
    assert any(np.any(array) for array in expected.values())
    for output in expected:
        np.testing.assert_array_equal(found[output], expected[output])
    assert to_text(lower(raised, PROFILE).model) == to_text(lowered)


def _refusal(model: ir.Model, cann: str = "8.5") -> str:
    with pytest.raises(DialectError) as caught:
        lower(model, load_profile("Ascend310P3", cann))
    return str(caught.value).partition("\n  ")[2]


def test_pads_that_differ_are_refused() -> None:
    operator, inputs, attributes, _ = CALLS["deformable with four equal pads"]
    model = build(operator, inputs, {**attributes, "pads": (0, 0, 2, 0)}, opset=11)
    assert _refusal(model) == (
        "DeformableConv2D 'n/DeformableConv2D_0': ATC takes the same pads on both sides, and they "
        "are [0, 0, 2, 0]; insert a Pad"
    )


def test_an_opset_without_registration_is_refused_with_the_nearest() -> None:
    operator, inputs, attributes, _ = CALLS["nms"]
    assert _refusal(build(operator, inputs, attributes, opset=18)) == (
        "BatchMultiClassNMS 'n/BatchMultiClassNMS_0': Ascend310P3, CANN 8.5 has "
        "BatchMultiClassNMS at opset 8 to 16, not at 18 of the model; convert it with opset{to=16}"
    )


def test_a_function_that_is_not_what_the_attributes_say_is_refused() -> None:
    operator, inputs, attributes, opset = CALLS["nms"]
    model = build(operator, inputs, attributes, opset=opset)
    next(iter(model.graph)).attributes.add(ir.AttrInt64("max_total_size", 5))
    assert "another one than its attributes ask for" in _refusal(model)


def test_two_calls_with_different_attributes_stay_apart() -> None:
    file = from_text("""
    <ir_version: 6, opset_import: ["" : 11]>
    main (float[1,2,6,6] x, float[2,2,1,1] w, float[1,3,6,6] o, float[1,3,3,3] p) => (a, b)
    {
       [full] a = DeformableConv2D <strides = [1, 1], pads = [0, 0], groups = 1,
                                    data_format = "NCHW"> (x, w, o)
       [half] b = DeformableConv2D <strides = [2, 2], pads = [0, 0], groups = 1,
                                    data_format = "NCHW"> (x, w, p)
    }""")
    raised = raise_dialect(file)
    assert len(raised.model.functions) == 2
    assert raised.report.notes == ()
    feeds = {"x": _numbers(1, 2, 6, 6), "w": _numbers(2, 2, 1, 1)}
    feeds |= {"o": np.zeros((1, 3, 6, 6), np.float32), "p": np.ones((1, 3, 3, 3), np.float32)}
    feeds["o"][:, 2] = 1
    found = _run(raised.model, feeds)
    assert found["a"].shape == (1, 2, 6, 6)
    np.testing.assert_allclose(
        found["a"], np.einsum("oikl,nihw->nohw", feeds["w"], feeds["x"]), rtol=1e-5, atol=1e-6
    )
    assert found["b"].shape == (1, 2, 3, 3)
    again = lower(raised.model, PROFILE).model
    assert [node.attributes["strides"].as_ints() for node in again.graph] == [(1, 1), (2, 2)]


def test_a_call_inside_a_branch_is_lowered_and_raised() -> None:
    file = from_text("""
    <ir_version: 6, opset_import: ["" : 11]>
    main (float16[1,2,4,4] x, float16[2,2,1,1] w, float16[1,3,4,4] o, bool flag)
       => (float16[1,2,4,4] y)
    {
       [choice] z = If (flag) <
          then_branch = a () => (p) {
             [dcn] p = DeformableConv2D <strides = [1, 1], pads = [0, 0], groups = 1,
                                         data_format = "NCHW"> (x, w, o) },
          else_branch = b () => (q) { [same] q = Identity (x) }
       >
       [again] y = DeformableConv2D <strides = [1, 1], pads = [0, 0], groups = 1,
                                     data_format = "NCHW"> (z, w, o)
    }""")
    raised = raise_dialect(file).model
    check(raised)
    assert len(raised.functions) == 1
    feeds = {name: np.ones(shape, np.float16) for name, shape in
             (("x", (1, 2, 4, 4)), ("w", (2, 2, 1, 1)), ("o", (1, 3, 4, 4)))}  # fmt: skip
    feeds["flag"] = np.array(True)
    # Displaced by one to the right and down: the last row and column read zeros.
    (y,) = _run(raised, feeds).values()
    expected = np.zeros((1, 2, 4, 4), np.float16)
    expected[:, :, :2, :2] = 4
    np.testing.assert_array_equal(y, expected)
    lowered = lower(raised, PROFILE).model
    assert all(node.domain == "" for node in lowered.graph.all_nodes())
    assert to_text(lower(raise_dialect(lowered).model, PROFILE).model) == to_text(lowered)


OLD = """
<ir_version: 6, opset_import: ["" : 11]>
main (float[1,2,5,5] x, float[2,2,3,3] w, float[1,27,5,5] o) => (float[1,2,5,5] y)
{{ [dcn] y = DeformableConv2D <{}> (x, w, o) }}
"""


def test_what_old_patches_leave_out_or_misspell_is_read_as_atc_does() -> None:
    raised = raise_dialect(from_text(OLD.format("defomable_groups = 2, bias = 0")))
    (node,) = raised.model.graph
    assert node.attributes["strides"].as_ints() == (1, 1)
    assert node.attributes["pads"].as_ints() == (1, 1)
    assert node.attributes["deformable_groups"].as_int() == 1
    assert [note.what for note in raised.report.notes] == [
        "ATC does not read the attribute 'defomable_groups'",
        "ATC does not read the attribute 'bias'",
        (
            "'defomable_groups' is 2, a misspelt name that ATC does not read; one deformable group "
            "is computed, as ATC does"
        ),
        "without 'groups' ATC takes 0; it is raised as 1",
        "without 'data_format' ATC takes NHWC; it is raised as NCHW",
        (
            "strides or pads are missing, which ATC calls an error; by the sizes of its inputs "
            "they are [1, 1] and [1, 1]"
        ),
    ]
    Session(raised.model)


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ('data_format = "NHWC", strides = [1], pads = [1]', "data_format must be 'NCHW'"),
        ("groups = 1", "no symmetric ones fit"),
        ("strides = [1, 1, 1, 1], pads = [1]", "strides is [1, 1, 1, 1]"),
        ("modulated = 0, strides = [1], pads = [1]", "modulated=0"),
    ],
)
def test_what_the_function_does_not_compute_is_refused(attributes: str, reason: str) -> None:
    model = from_text(OLD.format(attributes).replace("5,5] o", "4,4] o"))
    with pytest.raises(DialectError, match="DeformableConv2D 'dcn': ") as caught:
        raise_dialect(model)
    assert reason in str(caught.value)


def test_an_attribute_of_another_type_is_not_read() -> None:
    raised = raise_dialect(
        from_text("""
        <ir_version: 6, opset_import: ["" : 11]>
        main (float[1,2,8,8] x, float[3,5] rois) => (float[3,2,7,7] y)
        {
           [align] y = RoiExtractor <spatial_scale = [0.25], roi_scale_factor = 2, aligned = 0>
              (x, rois)
        }""")
    )
    (node,) = raised.model.graph
    assert node.attributes["roi_scale_factor"].as_float() == 0
    assert [note.what for note in raised.report.notes] == [
        "ATC reads 'roi_scale_factor' only as FLOAT, and it is INT; the default holds"
    ]


def test_aligned_regions_of_an_old_file_raise_the_opset() -> None:
    """What 17 of 19 detectors of the ModelZoo have: aligned=1 at opset 11, half precision."""
    file = from_text("""
    <ir_version: 6, opset_import: ["" : 11]>
    main (float16[1,2,8,8] x, float16[3,5] rois) => (float16[3,2,7,7] y)
    {
       [squeezed] z = Squeeze <axes = [0]> (u)
       [wide] u = Unsqueeze <axes = [0]> (x)
       [align] y = RoiExtractor <spatial_scale = [0.25], aligned = 1> (z, rois)
    }""")
    raised = raise_dialect(file)
    assert raised.model.graph.opset_imports[""] == 16
    assert "opset raised to 16, which its operators need" in raised.report.lines()
    check(raised.model)
    feeds = {"x": np.ones((1, 2, 8, 8), np.float16), "rois": np.zeros((3, 5), np.float16)}
    feeds["rois"][:, 3:] = 16
    (y,) = _run(raised.model, feeds).values()
    assert y.shape == (3, 2, 7, 7)
    assert y.dtype == np.float16


GATE = FunctionOperator.from_text("""
<domain: "my.domain", opset_import: ["" : 13]>
Gate <beta: float = 1.0> (x) => (y)
{
   b = Constant <value_float: float = @beta> ()
   bx = Mul (b, x)
   gate = Sigmoid (bx)
   y = Mul (x, gate)
}
""")


def test_an_operator_of_a_plugin_is_inlined_unless_the_target_has_it(tmp_path: Any) -> None:
    model = build(GATE, [_numbers(2, 3)], {}, opset=13)
    feeds = {"in0": _numbers(2, 3)}
    (expected,) = _run(model, feeds).values()
    inlined = lower(model, PROFILE).model
    assert [node.op_type for node in inlined.graph] == ["Constant", "Mul", "Sigmoid", "Mul"]
    np.testing.assert_array_equal(_run(inlined, feeds)["out0"], expected)
    file = tmp_path / "target.yaml"
    file.write_text("operators: {Gate: 11-15}")
    profile = load_profile("Ascend310P3", "8.5", [file])
    lowered = lower(model, profile).model
    (node,) = lowered.graph
    assert (node.domain, node.op_type) == ("", "Gate")
    assert node.attributes["beta"].as_float() == 1.0
    with pytest.raises(DialectError, match="a plugin can say what it computes"):
        raise_dialect(lowered)
    raised = raise_dialect(lowered, operators={"Gate": GATE}).model
    np.testing.assert_array_equal(_run(raised, feeds)["out0"], expected)
    assert to_text(lower(raised, profile).model) == to_text(lowered)


def test_a_function_around_a_call_is_inlined_first() -> None:
    """onnxruntime does not run such a model, and graphfix does not make one; others may."""
    operator, inputs, attributes, opset = CALLS["position sensitive"]
    model = build(operator, inputs, attributes, opset=opset)
    (call,) = model.graph
    expected = to_text(lower(model, PROFILE).model)
    around = ir.Node("lib", "Pool", call.inputs, name="outer", num_outputs=1)
    parameters = [ir.Value(name="a"), ir.Value(name="b")]
    inner = ir.Node(
        "ascend", operator, parameters, call.attributes.values(), overload=call.overload, name="in"
    )
    inner.outputs[0].name = "c"
    imports = {"": opset, "ascend": 1}
    graph = ir.Graph(parameters, inner.outputs, nodes=[inner], opset_imports=imports)
    function = ir.Function("lib", "Pool", graph=graph, attributes=[])
    model.functions[function.identifier()] = function
    model.graph.opset_imports["lib"] = 1
    ir.convenience.replace_nodes_and_values(
        model.graph, call, [call], [around], call.outputs, around.outputs
    )
    around.outputs[0].name = "out0"
    text = to_text(lower(model, PROFILE).model)
    assert text.replace("Pool/in_0", "n/PSROIPooling_0") == expected

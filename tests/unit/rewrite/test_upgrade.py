"""Raising the opset: every old form against onnxruntime, and the tables against onnx's schemas."""

import re
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
from onnx import defs

from graphfix.errors import PassError
from graphfix.rewrite.opsets import COMPATIBLE, NEWEST, UP
from graphfix.rewrite.opsets.schemas import history
from graphfix.rewrite.upgrade import OLDEST, ir_version_of, raise_opset

OLD_FORMS = {
    "BatchNormalization": (
        7,
        "(float[2,3,4,4] x, float[3] a, float[3] b) => (y)",
        "s = Abs(b) y = BatchNormalization<spatial=1, epsilon=0.01>(x, a, b, a, s)",
    ),
    "Upsample 7": (
        7,
        "(float[1,2,3,4] x) => (y)",
        'y = Upsample<mode="nearest", scales=[1.0,1.0,2.0,3.0]>(x)',
    ),
    "Upsample 9 linear": (
        9,
        "(float[1,2,3,4] x) => (y)",
        's = Constant<value=float[4]{1.0,1.0,2.0,3.0}>() y = Upsample<mode="linear">(x, s)',
    ),
    "Upsample 9 computed scales": (
        9,
        "(float[1,2,3,4] x, float[4] e) => (y)",
        "z = Sub(e, e) o = Exp(z) s = Add(o, o) y = Upsample(x, s)",
    ),
    "Resize 10 shrinks": (
        10,
        "(float[1,2,9,10] x) => (y)",
        "s = Constant<value=float[4]{1.0,1.0,0.4,0.7}>() y = Resize(x, s)",
    ),
    "Resize 11 for nn": (
        11,
        "(float[1,2,9,10] x) => (y)",
        (
            "r = Constant<value=float[0]{}>() s = Constant<value=float[4]{1.0,1.0,0.4,1.7}>()"
            ' y = Resize<coordinate_transformation_mode="tf_half_pixel_for_nn",'
            ' nearest_mode="floor">(x, r, s)'
        ),
    ),
    "Slice": (7, "(float[4,5,6] x) => (y)", "y = Slice<starts=[1,-3],ends=[3,99],axes=[0,2]>(x)"),
    "TopK": (7, "(float[4,5] x) => (y, i)", "y, i = TopK<k=3, axis=0>(x)"),
    "Clip": (7, "(float[4,5] x) => (y)", "y = Clip<min=-0.5, max=0.25>(x)"),
    "Clip without maximum": (7, "(float[4,5] x) => (y)", "y = Clip<min=0.0>(x)"),
    "Pad in double precision": (
        7,
        "(float[4,5] x) => (y)",
        "h = Cast<to=11>(x) c = Pad<pads=[0,1,2,1], value=2.1>(h) y = Cast<to=1>(c)",
    ),
    "Pad": (7, "(float[2,3] x) => (y)", "y = Pad<pads=[0,1,2,1], value=2.5>(x)"),
    "Pad by reflection": (7, "(float[4,3] x) => (y)", 'y = Pad<pads=[0,1,2,1], mode="reflect">(x)'),
    "Dropout": (7, "(float[2,3] x) => (y)", "y = Dropout<ratio=0.3>(x)"),
    "Scatter": (
        9,
        "(float[3,3] x) => (y)",
        (
            "i = Constant<value=int64[1,2]{2,1}>() u = Constant<value=float[1,2]{7.0,8.0}>()"
            " y = Scatter<axis=0>(x, i, u)"
        ),
    ),
    "Squeeze and Unsqueeze": (
        7,
        "(float[2,1,3] x) => (y, z)",
        "y = Squeeze<axes=[1]>(x) z = Unsqueeze<axes=[0,2]>(y)",
    ),
    "Squeeze of everything": (7, "(float[2,1,3] x) => (y)", "y = Squeeze(x)"),
    "ReduceSum": (7, "(float[2,3,4] x) => (y)", "y = ReduceSum<axes=[0,2], keepdims=0>(x)"),
    "ReduceMean": (7, "(float[2,3,4] x) => (y)", "y = ReduceMean<axes=[1], keepdims=0>(x)"),
    "ReduceMax of everything": (7, "(float[2,3,4] x) => (y)", "y = ReduceMax<keepdims=0>(x)"),
    "Split": (7, "(float[2,6] x) => (y, z)", "y, z = Split<axis=1, split=[2,4]>(x)"),
    "Split in equal parts": (7, "(float[2,6] x) => (y, z)", "y, z = Split<axis=1>(x)"),
    "Softmax of three axes": (7, "(float[2,3,4] x) => (y)", "y = Softmax(x)"),
    "Softmax of all": (7, "(float[2,3,4] x) => (y)", "y = Softmax<axis=0>(x)"),
    "Softmax of a pooled map": (7, "(float[2,3,1,1] x) => (y)", "y = Softmax(x)"),
    "LogSoftmax": (11, "(float[2,3,4] x) => (y)", "y = LogSoftmax<axis=-2>(x)"),
    "Hardmax": (11, "(float[2,3,4] x) => (y)", "y = Hardmax<axis=1>(x)"),
    "Softmax last": (11, "(float[2,3,4] x) => (y)", "y = Softmax<axis=-1>(x)"),
    "RoiAlign": (
        10,
        "(float[1,2,8,8] x) => (y)",
        (
            "r = Constant<value=float[2,4]{1.0,1.5,5.0,6.0,0.0,2.0,0.5,2.25}>()"
            " b = Constant<value=int64[2]{0,0}>()"
            " y = RoiAlign<output_height=2, output_width=2, sampling_ratio=2>(x, r, b)"
        ),
    ),
    "GridSample": (
        16,
        "(float[1,2,5,5] x, float[1,3,3,2] g) => (y)",
        'y = GridSample<mode="bicubic">(x, g)',
    ),
    "GroupNormalization": (
        18,
        "(float[2,6,3] x, float[3] a, float[3] b) => (y)",
        "y = GroupNormalization<num_groups=3>(x, a, b)",
    ),
    "Loop and If": (
        10,
        "(float[2,3] x) => (y)",
        (
            "n = Constant<value=int64{3}>() c = Constant<value=bool{1}>()"
            " y = Loop(n, c, x) <body ="
            "  b (int64 i, bool k, float[2,3] a) => (bool o, float[2,3] r) {"
            "   o = Identity(k) s = ReduceSum<axes=[1]>(a)"
            "   r = If(k) <then_branch = t () => (float[2,3] p) { p = Softmax<axis=0>(a) },"
            "              else_branch = e () => (float[2,3] q) { q = Clip<max=0.5>(x) }> }>"
        ),
    ),
}


def run(proto: onnx.ModelProto, feeds: dict[str, Any]) -> list[Any]:
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    return list(session.run(None, feeds))


def model(opset: int, signature: str, body: str) -> onnx.ModelProto:
    inputs, outputs = signature.split(" => ")
    typed = [
        f"{'int64' if name == 'i' else 'float'} {name}" for name in re.findall(r"\w+", outputs)
    ]
    proto = onnx.parser.parse_model(
        f'<ir_version: 6, opset_import: ["" : {opset}]> g {inputs} => ({", ".join(typed)})'
        f" {{ {body} }}"
    )
    for info in proto.graph.output:
        info.type.tensor_type.ClearField("shape")
    for info, value in zip(proto.graph.output, run(proto, feeds_of(proto)), strict=True):
        for size in value.shape:
            info.type.tensor_type.shape.dim.add(dim_value=size)
        if not value.shape:
            info.type.tensor_type.shape.SetInParent()
    return proto


def feeds_of(proto: onnx.ModelProto) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    return {
        info.name: rng.normal(size=[d.dim_value for d in info.type.tensor_type.shape.dim]).astype(
            np.float32
        )
        for info in proto.graph.input
    }


@pytest.mark.parametrize(
    ("name", "to"),
    [(name, to) for name in OLD_FORMS for to in (13, 17, 21) if to > OLD_FORMS[name][0]],
)
def test_old_form_computes_the_same_after_raising(name: str, to: int) -> None:
    before = model(*OLD_FORMS[name])
    graph = ir.serde.deserialize_model(before)
    raise_opset(graph, to)
    after = ir.serde.serialize_model(graph)
    assert after.opset_import[0].version == to
    onnx.checker.check_model(after)
    feeds = feeds_of(before)
    for was, now in zip(run(before, feeds), run(after, feeds), strict=True):
        np.testing.assert_allclose(now, was, rtol=1e-5, atol=1e-6)


def test_names_metadata_and_other_domains_stay() -> None:
    proto = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["" : 11, "com.microsoft" : 1, "lib" : 1]>
        g (float[2,1,3] x) => (float[2,3] y) {
           [squeeze] s = Squeeze<axes=[1]>(x)
           [gelu] h = com.microsoft.Gelu(s)
           [call] y = lib.f(h)
        }
        <domain: "lib", opset_import: ["" : 9]>
        f (a) => (b) { b = Slice<starts=[0],ends=[9]>(a) }"""
    )
    proto.graph.node[0].metadata_props.add(key="who", value="exporter")
    graph = ir.serde.deserialize_model(proto)
    rewrites = raise_opset(graph, 13)
    assert [(r.node, r.op_type, r.outputs) for r in rewrites] == [
        ("squeeze", "Squeeze", ("s",)),
        ("Slice_b", "Slice", ("b",)),
    ]
    assert [node.name for node in graph.graph] == ["squeeze", "gelu", "call"]
    assert graph.graph[0].metadata_props == {"who": "exporter"}
    assert graph.opset_imports == {"": 13, "com.microsoft": 1, "lib": 1}
    (function,) = graph.functions.values()
    assert function.opset_imports[""] == 13
    assert graph.ir_version == 8
    run(ir.serde.serialize_model(graph), {"x": np.ones((2, 1, 3), np.float32)})


def test_what_is_newer_already_stays() -> None:
    graph = ir.serde.deserialize_model(model(16, "(float[2] x) => (y)", "y = Relu(x)"))
    assert raise_opset(graph, 13) == ()
    assert graph.opset_imports[""] == 16


def test_refusal_names_every_node_and_its_reason() -> None:
    graph = ir.serde.deserialize_model(
        onnx.parser.parse_model(
            """<ir_version: 6, opset_import: ["" : 8]>
            g (float[2,3,4] x, float[3] a) => (float[2,3,4] z) {
               [bn] y = BatchNormalization<spatial=0>(x, a, a, a, a)
               [bn2] z = BatchNormalization<spatial=0>(y, a, a, a, a)
            }"""
        )
    )
    with pytest.raises(PassError) as refusal:
        raise_opset(graph, 13)
    reason = "spatial=0 (statistics per element) does not exist from opset 9 on"
    assert str(refusal.value) == (
        "2 nodes cannot be expressed in opset 13:\n"
        f"  bn (BatchNormalization): {reason}\n  bn2 (BatchNormalization): {reason}"
    )


def test_a_function_parameter_in_the_way_is_refused() -> None:
    graph = ir.serde.deserialize_model(
        onnx.parser.parse_model(
            """<ir_version: 8, opset_import: ["" : 11, "lib" : 1]>
            g (float[2,3] x) => (float[2,3] y) { y = lib.f<axis=0>(x) }
            <domain: "lib", opset_import: ["" : 11]>
            f <axis> (a) => (b) { b = Softmax<axis: int = @axis>(a) }"""
        )
    )
    with pytest.raises(PassError, match="its axis is a parameter of the function around it"):
        raise_opset(graph, 13)


@pytest.mark.parametrize(("opset", "to"), [(5, 13), (11, 99), (6, 7)])
def test_an_opset_nobody_reviewed_is_refused(opset: int, to: int) -> None:
    graph = ir.serde.deserialize_model(model(max(opset, 7), "(float[2] x) => (y)", "y = Relu(x)"))
    graph.opset_imports[""] = opset
    with pytest.raises(PassError, match="opset"):
        raise_opset(graph, to)


def test_ir_version_is_that_of_the_first_release_with_the_opset() -> None:
    assert [ir_version_of(opset) for opset in (7, 11, 13, 15, 19, 21, 22)] == [
        3,
        6,
        7,
        8,
        9,
        10,
        10,
    ]


UNREVIEWED = {
    ("Scan", 8): "appeared",
    ("Scan", 9): "lost its batch dimension",
    ("Attention", 24): "causal masks and the order of its steps",
    ("Attention", 25): "the same",
}


def test_every_change_of_every_operator_is_adapted_or_reviewed() -> None:
    """Both ways: nothing is missing, and nothing is listed that onnx does not know."""
    names = {schema.name for schema in defs.get_all_schemas_with_history() if schema.domain == ""}
    changed = {
        (name, version)
        for name in names
        for version in history(name)[1:]
        if OLDEST < version <= NEWEST
    }
    listed = {(name, version) for name, versions in COMPATIBLE.items() for version in versions}
    adapted = set(UP.table)
    assert changed - listed - adapted == set(UNREVIEWED) & changed
    assert not (listed & adapted)
    newest = min(NEWEST, defs.onnx_opset_version())
    assert {entry for entry in listed | adapted if entry[1] <= newest} <= changed


def test_a_listed_change_adds_attributes_and_types_only() -> None:
    """What the table calls compatible removes no input, output or attribute, and adds none that
    would be required or would have a default other than absence or the old behaviour."""
    reviewed = {  # the schema differs in more than that, and the meaning was compared by hand
        ("Loop", 11),  # arity of the loop-carried values
        ("BatchNormalization", 15),
        ("Erf", 13),  # integers went away; types are checked at each step
    }
    for name, versions in COMPATIBLE.items():
        for version in versions:
            if version > defs.onnx_opset_version() or (name, version) in reviewed:
                continue
            new, old = defs.get_schema(name, version, ""), defs.get_schema(name, version - 1, "")
            assert new.min_input <= old.min_input, (name, version)
            assert new.max_input >= old.max_input, (name, version)
            assert new.max_output >= old.max_output, (name, version)
            for key, attribute in old.attributes.items():
                assert key in new.attributes, (name, version, key)
                default = new.attributes[key].default_value
                assert default == attribute.default_value, (name, version, key)
            added = set(new.attributes) - set(old.attributes)
            assert not any(new.attributes[key].required for key in added), (name, version)

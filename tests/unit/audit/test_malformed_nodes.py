"""No rule breaks on a node that ONNX would not allow: what cannot be read is no finding."""

from collections.abc import Callable, Iterator

import numpy as np
import onnx_ir as ir
import pytest

from graphfix.audit import NodeRule, audit, builtin_rules
from graphfix.target import load_profile

ATTRIBUTES = (
    "activations", "align_corners", "allowzero", "antialias", "auto_pad", "axes", "axis",
    "batch_axis", "batch_dims", "blocksize", "ceil_mode", "clip", "coordinate_transformation_mode",
    "cubic_coeff_a", "data_format", "deformable_groups", "dilations", "direction", "ends",
    "epsilon", "equation", "exclude_outside", "extrapolation_value", "fmod", "group", "k",
    "keep_aspect_ratio_policy", "kernel_shape", "layout", "linear_before_reset", "mode",
    "nearest_mode", "num_outputs", "output_shape", "padding_mode", "pads", "perm", "pooled_shape",
    "reduction", "scales", "select_last_index", "size", "spatial_scale", "split", "starts",
    "storage_order", "strides", "to", "training_mode", "value",
)  # fmt: skip
VALUES: dict[str, Callable[[str], ir.Attr]] = {
    "int": lambda name: ir.AttrInt64(name, -1),
    "zero": lambda name: ir.AttrInt64(name, 0),
    "huge": lambda name: ir.AttrInt64(name, 2**62),
    "float": lambda name: ir.AttrFloat32(name, float("nan")),
    "string": lambda name: ir.AttrString(name, "odd"),
    "no ints": lambda name: ir.AttrInt64s(name, []),
    "ints": lambda name: ir.AttrInt64s(name, [-9, 0, 99]),
    "strings": lambda name: ir.AttrStrings(name, ["odd"]),
    "tensor": lambda name: ir.AttrTensor(name, ir.tensor(np.zeros((0, 2), np.float32))),
}

SHAPES = tuple(map(ir.Shape, ((), (0,), (2, 3), (1, 2, "h", None), (1,) * 9)))


def constants() -> Iterator[ir.TensorProtocol]:
    yield ir.tensor(np.zeros(0, np.float32))
    yield ir.tensor(np.array([-1, 2**40, 0], np.int64))
    yield ir.tensor(np.array(np.nan, np.float32))
    yield ir.tensor(np.array([0.0, -1.0, np.inf, 1e30, 2.0], np.float32))
    yield ir.StringTensor([b"odd"], shape=ir.Shape([1]), name="text")


def malformed(kind: str, opset: int) -> ir.Model:
    """Nodes of every operator with a rule, with attributes of one kind and all sorts of inputs."""
    graph = ir.Graph([], [], nodes=[], opset_imports={"": opset}, name="main")
    data: list[ir.Value | None] = [None]
    others: list[ir.Value | None] = [None]
    for index, tensor in enumerate(constants()):
        value = ir.Value(name=f"c{index}", const_value=tensor, shape=ir.Shape(tensor.shape.numpy()))
        value.dtype = tensor.dtype
        graph.register_initializer(value)
        others.append(value)
    for index, shape in enumerate(SHAPES):
        float_ = ir.TensorType(ir.DataType.FLOAT)
        graph.inputs.append(ir.Value(name=f"x{index}", shape=shape, type=float_))
    data.extend(graph.inputs)
    attributes = [VALUES[kind](name) for name in ATTRIBUTES]
    for op_type in sorted(OPERATORS):
        for first in data:
            for rest in others:
                node = ir.Node("", op_type, [first, *[rest] * 7], attributes, num_outputs=1)
                graph.append(node)
        graph.append(ir.Node("", op_type, [], num_outputs=1))
        graph.append(ir.Node("", op_type, [], num_outputs=0))
    return ir.Model(graph, ir_version=8)


RULES = list(builtin_rules().values())
OPERATORS = {op for rule in RULES if isinstance(rule, NodeRule) for op in rule.op_types}

TARGETS = ((9, "6.0"), (10, "8.5"), (11, "8.0"), (13, "8.5"), (18, "9.1"), (20, "development"))


@pytest.mark.parametrize("kind", VALUES)
def test_rules_look_at_malformed_nodes_without_an_error(kind: str) -> None:
    opset, cann = TARGETS[list(VALUES).index(kind) % len(TARGETS)]
    profile = load_profile("Ascend310", cann)
    assert audit(malformed(kind, opset), profile, RULES).broken == ()

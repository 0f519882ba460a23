"""No rule falls over a node that ONNX would refuse."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from graphfix.audit import audit, builtin_rules
from graphfix.ops import OPERATORS
from graphfix.target import load_profile

WRONG: tuple[Callable[[str], ir.Attr], ...] = (
    lambda name: ir.AttrInt64(name, -(2**40)),
    lambda name: ir.AttrInt64s(name, []),
    lambda name: ir.AttrInt64s(name, [0, -1, 7]),
    lambda name: ir.AttrFloat32(name, float("nan")),
    lambda name: ir.AttrString(name, "odd"),
    lambda name: ir.AttrStrings(name, ["odd", ""]),
    lambda name: ir.AttrTensor(name, ir.tensor(np.zeros((0, 2), np.float16))),
)
SHAPES: tuple[Sequence[int | None] | None, ...] = (None, (), (0,), (None, None), (1,) * 7)


def attribute_names() -> dict[str, set[str]]:
    """All operators, and what attributes they ever had."""
    names: dict[str, set[str]] = {}
    for schema in onnx.defs.get_all_schemas_with_history():
        if schema.domain == "":
            names.setdefault(schema.name, set()).update(schema.attributes)
    for operator in OPERATORS.values():
        names[operator.name] = {attribute.name for attribute in operator.attributes}
    return names


def odd_nodes() -> Iterator[ir.Node]:
    """Each operator: with one output alone, then with odd attributes and inputs."""
    for op_type, names in attribute_names().items():
        yield ir.Node("", op_type, [], num_outputs=1)
        for index, make in enumerate(WRONG):
            shape = SHAPES[index % len(SHAPES)]
            given = [None if shape is None else ir.Shape(shape), None, ir.Shape([2])]
            inputs = [
                ir.Value(name=f"v{number}", shape=each, type=ir.TensorType(ir.DataType.INT64))
                for number, each in enumerate(given)
            ]
            kept = [None, *inputs] if index == 1 else inputs
            yield ir.Node("", op_type, kept, [make(name) for name in names], num_outputs=3)


@pytest.mark.parametrize(
    ("opset", "cann"), [(8, "6.0"), (11, "8.5"), (13, "5.1"), (18, "development"), (21, "9.1")]
)
def test_every_rule_looks_at_odd_nodes_of_all_operators(opset: int, cann: str) -> None:
    graph = ir.Graph([], [], nodes=list(odd_nodes()), opset_imports={"": opset}, name="odd")
    for index, node in enumerate(graph):
        node.name = f"node_{index}"
        for number, output in enumerate(node.outputs):
            output.name = f"out_{index}_{number}"
    profile = load_profile("Ascend310P3", cann)
    assert audit(ir.Model(graph, ir_version=8), profile, builtin_rules().values()).broken == ()

"""The if-fold pass on random conditions and branches."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix_passes.if_fold import IfFold
from tests.passes.random_graphs import Grower, hold


def choices(grow: Grower) -> Sequence[ir.Value]:
    data = grow.maybe_shared(grow.unary(grow.input(grow.shape(min_rank=1, max_rank=2))))
    outputs = grow.number(1, 2)
    branches = {
        name: ir.AttrGraph(name, _branch(grow, data, f"{name}{len(grow.nodes)}", outputs, depth=1))
        for name in ("then_branch", "else_branch")
    }
    return list(grow.ops("If", _condition(grow, data), outputs=outputs, **branches))


def _condition(grow: Grower, data: ir.Value) -> ir.Value:
    match grow.one_of("constant", "size", "data"):
        case "constant":
            return grow.const(grow.one_of(True, False, [True]), np.bool_)
        case "size":
            size = grow.op("Size", data)
            return grow.op("Less", size, grow.const(grow.number(0, 3), np.int64))
        case _:
            return grow.feed(np.array(grow.one_of(True, False)), symbolic=False)


def _branch(grow: Grower, data: ir.Value, name: str, outputs: int, depth: int) -> ir.Graph:
    """Nodes over a captured value; now and then a constant, and an If."""
    nodes: list[ir.Node] = []
    results, initializers = [], []
    for number in range(outputs):
        kind = grow.one_of("Neg", "Abs", "constant", "If" if depth else "Neg")
        if kind == "constant":
            value = ir.Value(
                name=f"{name}_c{number}",
                type=ir.TensorType(ir.DataType.FLOAT),
                shape=ir.Shape([]),
                const_value=ir.tensor(np.float32(number)),
            )
            initializers.append(value)
            node = ir.Node("", "Add", [data, value])
        elif kind == "If":
            inner = [
                ir.AttrGraph(key, _branch(grow, data, f"{name}_{key}", 1, 0))
                for key in ("then_branch", "else_branch")
            ]
            node = ir.Node("", "If", [_condition(grow, data)], inner)
        else:
            node = ir.Node("", kind, [data])
        node.outputs[0].name = f"{name}_{number}"
        nodes.append(node)
        results.append(node.outputs[0])
    return ir.Graph([], results, nodes=nodes, initializers=initializers, name=name)


def test_whatever_is_chosen() -> None:
    hold(IfFold(), choices, opsets=(11, 13, 18, 21), examples=40, least=0.3)

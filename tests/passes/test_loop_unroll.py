"""The loop-unroll pass on random loops."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix_passes.loop_unroll import LoopUnroll
from tests.passes.random_graphs import Grower, hold


def loops(grow: Grower) -> Sequence[ir.Value]:
    shape = grow.shape(max_rank=2)
    data = grow.maybe_shared(grow.unary(grow.input(shape)))
    states = [grow.one_of(data, grow.input(shape)) for _ in range(grow.number(0, 2))]
    collects = grow.number(0 if states else 1, 2)
    match grow.one_of("constant", "size", "data"):
        case "constant":
            times = grow.const(grow.one_of(2, 1, 3, 0), np.int64)
        case "size":
            times = grow.op("Size", grow.input((grow.number(1, 3),)))
        case _:
            times = grow.feed(np.array(grow.number(0, 2)), symbolic=False)
    starts = None if grow.chance(50) else grow.const(grow.one_of(True, True, False), np.bool_)
    body = ir.AttrGraph("body", _body(grow, data, len(states), collects))
    made = grow.ops("Loop", times, starts, *states, outputs=len(states) + collects, body=body)
    return list(made)


def _body(grow: Grower, data: ir.Value, states: int, collects: int) -> ir.Graph:
    """Nodes over the states, a captured value, the count and a constant."""
    float_, int_, bool_ = (
        ir.TensorType(kind) for kind in (ir.DataType.FLOAT, ir.DataType.INT64, ir.DataType.BOOL)
    )
    count = ir.Value(name="count", type=int_, shape=ir.Shape([]))
    goes_on = ir.Value(name="goes_on", type=bool_, shape=ir.Shape([]))
    given = [ir.Value(name=f"state{k}", type=float_) for k in range(states)]
    half = ir.Value(
        name="half", type=float_, shape=ir.Shape([]), const_value=ir.tensor(np.float32(0.5))
    )
    nodes = [
        ir.Node("", "Identity", [goes_on], name="on"),
        ir.Node("", "Cast", [count], [ir.AttrInt64("to", 1)], name="float"),
    ]
    known = [data, half, nodes[1].outputs[0], *given]
    for number in range(states + collects):
        node = ir.Node(
            "", grow.one_of("Add", "Mul"), [grow.one_of(*known), data], name=f"n{number}"
        )
        nodes.append(node)
        if number < states:
            known.append(node.outputs[0])
    for node in nodes:
        node.outputs[0].name = f"{node.name}_made"
    outputs = [nodes[0].outputs[0], *(node.outputs[0] for node in nodes[2:])]
    return ir.Graph(
        [count, goes_on, *given], outputs, nodes=nodes, initializers=[half], name="body"
    )


def test_whatever_is_repeated() -> None:
    hold(LoopUnroll(), loops, opsets=(11, 13, 18, 21), examples=30, least=0.2)

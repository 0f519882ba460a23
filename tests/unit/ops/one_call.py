"""A model with one call of a custom operator, made as a pass makes it, and run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import onnx_ir as ir

from graphfix import ops
from graphfix.model import check, from_bytes, infer_shapes, to_proto
from graphfix.rewrite import PassContext, RewritePass, Rewriter
from graphfix.runners.onnxruntime import Session

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, kw_only=True)
class InsertCall(RewritePass):
    """Puts a call in the place of the node ``test::StandIn`` that has the same inputs."""

    name = "insert-call"
    match_ops: ClassVar[tuple[str, ...]] = ("StandIn",)
    match_domains: ClassVar[tuple[str, ...]] = ("test",)
    operator: Any = ""
    attributes: Any = None

    def rewrite(self, node: ir.Node, rw: Rewriter) -> Sequence[ir.Value]:
        return ops.call(rw, self.operator, *node.inputs, **self.attributes)


def build(
    operator: "str | ops.Operator",
    inputs: Sequence[Array],
    attributes: Mapping[str, Any],
    *,
    opset: int = 16,
    static: bool = False,
) -> ir.Model:
    """The model, valid ONNX with inferred shapes; its inputs have symbolic sizes unless static."""
    known = ops.OPERATORS[operator] if isinstance(operator, str) else operator
    values = [
        ir.Value(
            name=f"in{k}",
            type=ir.TensorType(ir.DataType.from_numpy(array.dtype)),
            shape=ir.Shape(
                array.shape if static else [f"d{k}_{axis}" for axis in range(array.ndim)]
            ),
        )
        for k, array in enumerate(inputs)
    ]
    node = ir.Node("test", "StandIn", values, num_outputs=len(known.outputs), name="n")
    for k, value in enumerate(node.outputs):
        value.name = f"out{k}"
    graph = ir.Graph(
        values, node.outputs, nodes=[node], opset_imports={"": opset, "test": 1}, name="main"
    )
    model = ir.Model(graph, ir_version=8)
    InsertCall(operator=operator, attributes=attributes).run(model, PassContext())
    infer_shapes(model)
    check(model)
    return from_bytes(to_proto(model, weights=True).SerializeToString())


def run(
    operator: "str | ops.Operator",
    inputs: Sequence[Array],
    attributes: Mapping[str, Any],
    *,
    opset: int = 16,
) -> list[Any]:
    """The outputs of one call in onnxruntime."""
    model = build(operator, inputs, attributes, opset=opset)
    feeds = {f"in{k}": array for k, array in enumerate(inputs)}
    return list(Session(model).run(feeds).values())

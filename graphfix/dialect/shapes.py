"""What is known of types and shapes while a graph is spelled anew, node by node."""

import onnx_ir as ir

from graphfix.rewrite.opsets import schemas
from graphfix.rewrite.opsets.converter import annotate
from graphfix.rewrite.subgraphs import subgraphs_of_node
from graphfix.rewrite.upgrade import fill_types

_TENSORS = {schemas.type_name(ir.TensorType(dtype)): dtype for dtype in ir.DataType}
"""Element types by the names of their tensors in schemas."""


def dims_of(value: ir.Value | None) -> tuple[int | None, ...] | None:
    """Sizes, ``None`` for one that is not known; ``None`` when not even the rank is."""
    if value is None or value.shape is None:
        return None
    return tuple(dim if isinstance(dim, int) else None for dim in value.shape)


class Knowledge:
    """Keeps types and shapes of a model up to date while its nodes change."""

    def __init__(self, model: ir.Model) -> None:
        self._model = model
        self._stale = False
        self._retyped: set[ir.Value | None] = set()
        """Values that have another element type than the model said."""

    def infer(self) -> None:
        """Look at the whole model, as far as it is valid ONNX."""
        fill_types(self._model)
        self._stale = False

    def retyped(self, value: ir.Value) -> None:
        """A value gets another element type; what is made of it may get one, too."""
        self._retyped.add(value)

    def learned(self) -> None:
        """Types or shapes are known now from which others follow."""
        self._stale = True

    def settle(self, node: ir.Node, opset: int) -> None:
        """Infer what the outputs of a node are, now that its inputs are final."""
        anew = not self._retyped.isdisjoint((*node.inputs, *node.outputs))
        if not anew and all(out.type is not None for out in node.outputs):
            return
        before = [out.dtype for out in node.outputs]
        if anew:
            for out in node.outputs:
                out.type = None
        if node.op_type == "If":
            _by_branch(node)
        elif node.domain == "":
            annotate(node, opset)
            _by_schema(node, opset)
        for out, old in zip(node.outputs, before, strict=True):
            if out.type is None and old is not None:
                out.type = ir.TensorType(old)
            elif out.dtype != old:
                self._stale = True
                if old is not None:
                    self._retyped.add(out)

    def dims(self, value: ir.Value | None) -> tuple[int | None, ...] | None:
        """Sizes, looked for in the whole model when they are not known yet."""
        known = dims_of(value)
        if known is None and self._stale:
            self.infer()
            known = dims_of(value)
        if known is None and value is not None and _is_matrix(value):
            return (None, None)
        return known


def _is_matrix(value: ir.Value) -> bool:
    """Whether it comes from a Flatten, whose rank onnx infers only where it knows the input's."""
    producer = value.producer()
    return producer is not None and producer.domain == "" and producer.op_type == "Flatten"


def _by_branch(node: ir.Node) -> None:
    """An output of If is what a branch returns; shapes may differ between the branches."""
    for branch in subgraphs_of_node(node):
        for out, inner in zip(node.outputs, branch.outputs, strict=False):
            out.type = out.type or inner.type


def _by_schema(node: ir.Node, opset: int) -> None:
    """Give an output the element type of the inputs it must share it with, or its only one."""
    signature = schemas.parameters(node.op_type, opset)
    if signature is None:
        return
    inputs, outputs = signature
    for index, out in enumerate(node.outputs):
        if out.type is not None or not outputs:
            continue
        wanted = outputs[min(index, len(outputs) - 1)]
        if len(wanted.types) == 1 and (only := _TENSORS.get(next(iter(wanted.types)))):
            out.type = ir.TensorType(only)
            continue
        for at, value in enumerate(node.inputs):
            if value is None or value.dtype is None or not inputs:
                continue
            if inputs[min(at, len(inputs) - 1)].variable == wanted.variable:
                out.type = ir.TensorType(value.dtype)
                break

"""Operators that one function defines for all attributes: those of plugins."""

from typing import Protocol

import onnx
import onnx_ir as ir
from onnx import parser

from graphfix.errors import PassError, UsageError
from graphfix.ops.operator import Attribute, AttrValue, Call, Operator, Port
from graphfix.rewrite.opsets import schemas
from graphfix.rewrite.opsets.compatible import COMPATIBLE


class HasFunctionProto(Protocol):
    """What a function decorated by ``onnxscript.script`` offers."""

    def to_function_proto(self) -> onnx.FunctionProto:
        """The function as ONNX has it."""


class FunctionOperator(Operator):
    """A custom operator of a plugin, defined by an ONNX function.

    Its parameters are the attributes of the operator, and the body refers to them (``@alpha`` in
    ONNX text). Domain and name are those of the function.
    """

    def __init__(self, proto: onnx.FunctionProto) -> None:
        """Take the function as it is.

        Raises:
            UsageError: it has no domain of its own, or does not say its opset.
        """
        if proto.domain in ("", "ai.onnx"):
            raise UsageError(f"the operator {proto.name!r} needs a domain of its own")
        if not any(entry.domain in ("", "ai.onnx") for entry in proto.opset_import):
            raise UsageError(f"the operator {proto.name!r} does not say its opset")
        self._proto = onnx.FunctionProto()
        self._proto.CopyFrom(proto)
        self.name = proto.name
        self.domain = proto.domain
        self.inputs = tuple(Port(name) for name in proto.input)
        self.outputs = tuple(Port(name) for name in proto.output)
        required = [Attribute(name, None) for name in proto.attribute]
        self.attributes = (*required, *(_optional(item) for item in proto.attribute_proto))

    @classmethod
    def from_text(cls, text: str) -> "FunctionOperator":
        """Read a function in ONNX text.

        Raises:
            UsageError: the text is not a function; the message is the parser's.
        """
        try:
            return cls(parser.parse_function(text))
        except parser.ParseError as error:
            raise UsageError(f"not a function in ONNX text: {error}") from error

    @classmethod
    def from_onnxscript(cls, function: HasFunctionProto) -> "FunctionOperator":
        """Take a function that ``onnxscript.script`` has compiled."""
        return cls(function.to_function_proto())

    def function(self, call: Call) -> ir.Function:
        """The function, in the model's opset if all its operators are the same there."""
        proto = onnx.FunctionProto()
        proto.CopyFrom(self._proto)
        (own,) = (entry for entry in proto.opset_import if entry.domain in ("", "ai.onnx"))
        if own.version != call.opset:
            for node in proto.node:
                self._same(node, own.version, call.opset)
            own.version = call.opset
        return ir.serde.deserialize_function(proto)

    def _same(self, node: onnx.NodeProto, own: int, wanted: int) -> None:
        """Refuse a node that may mean something else in the wanted opset, or holds one."""
        steps = schemas.changes(node.op_type, *sorted((own, wanted)))
        known = COMPATIBLE.get(node.op_type, frozenset())
        if node.domain in ("", "ai.onnx") and any(step not in known for step in steps):
            raise PassError(
                f"{self.name} is written for opset {own}, and its {node.op_type} is another one "
                f"in opset {wanted} of the model; convert the model first"
            )
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                for inner in graph.node:
                    self._same(inner, own, wanted)


def _optional(proto: onnx.AttributeProto) -> Attribute:
    attribute = ir.serde.deserialize_attribute(proto)
    value = attribute.value
    default: AttrValue = tuple(value) if isinstance(value, (list, tuple)) else value
    return Attribute(attribute.name, attribute.type, proto.doc_string, default)

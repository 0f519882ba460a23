"""Operators that ONNX itself defines by a function: its body takes their place."""

from typing import Any

import onnx
import onnx_ir as ir

from graphfix.rewrite.opsets import Answer, Converter
from graphfix.rewrite.opsets.schemas import schema_at
from graphfix.rewrite.records import Skip
from graphfix_passes._opset.table import DOWN


def _body(node: ir.Node, rw: Converter) -> Answer:
    schema = schema_at(node.op_type, rw.opset + 1)
    assert schema is not None
    text = _function_text(schema, node)
    if text is None:
        return Skip("the types of its inputs are unknown, which its definition depends on")
    proto = onnx.FunctionProto.FromString(text)
    values: dict[str, ir.Value | None] = {"": None}
    given = [*node.inputs, *[None] * len(proto.input)]
    values.update(zip(proto.input, given, strict=False))
    for part in _needed(proto, len(node.outputs)):
        if any(attribute.HasField("g") for attribute in part.attribute):
            return Skip("its definition has subgraphs")
        attributes = {}
        for attribute in part.attribute:
            actual = _actual(attribute, node, schema)
            if actual is not None:
                attributes[attribute.name] = actual
        made = rw.ops(
            part.op_type, *(values[name] for name in part.input), outputs=len(part.output)
        )
        producer = made[0].producer()
        assert producer is not None
        producer.attributes.update(attributes)
        values.update(zip(part.output, made, strict=True))
    rw.built_for(next(item.version for item in proto.opset_import if item.domain == ""))
    return [values.get(name) for name in proto.output][: len(node.outputs)]


def _needed(proto: onnx.FunctionProto, outputs: int) -> list[onnx.NodeProto]:
    """The nodes of the body that lead to its first outputs."""
    wanted = set(proto.output[:outputs])
    kept = []
    for part in reversed(proto.node):
        if wanted.intersection(part.output):
            wanted.update(part.input)
            kept.append(part)
    return kept[::-1]


def _function_text(schema: Any, node: ir.Node) -> bytes | None:
    # Any: the stubs of onnx leave out what a schema tells about its functions
    versions = [v for v in schema.function_opset_versions if v <= schema.since_version]
    if versions:
        return bytes(schema.get_function_with_opset_version(versions[-1]))
    types = []
    for value in node.inputs:
        if value is not None and value.type is None:
            return None
        proto = onnx.TypeProto() if value is None else ir.serde.serialize_value(value).type
        types.append(proto.SerializeToString())
    return bytes(
        schema.get_context_dependent_function_with_opset_version(
            schema.context_dependent_function_opset_versions[0],
            ir.serde.serialize_node(node).SerializeToString(),
            types,
        )
    )


def _actual(
    attribute: onnx.AttributeProto, node: ir.Node, schema: onnx.defs.OpSchema
) -> ir.Attr | None:
    """The attribute of the body, with the node's value, or the default, for a parameter."""
    if not attribute.ref_attr_name:
        return ir.serde.deserialize_attribute(attribute)
    found = node.attributes.get(attribute.ref_attr_name)
    if found is not None:
        return ir.Attr(attribute.name, found.type, found.value)
    default = schema.attributes[attribute.ref_attr_name].default_value
    if not default.name:
        return None
    copy = onnx.AttributeProto()
    copy.CopyFrom(default)
    copy.name = attribute.name
    return ir.serde.deserialize_attribute(copy)


DOWN.at(12, "NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss")(_body)
DOWN.at(17, "HannWindow", "HammingWindow", "BlackmanWindow")(_body)
DOWN.at(18, "CenterCropPad")(_body)
DOWN.at(23, "Attention", "RotaryEmbedding")(_body)
DOWN.at(24, "Attention")(_body)
DOWN.at(25, "Attention")(_body)

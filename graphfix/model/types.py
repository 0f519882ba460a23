"""Types of values: the ones onnx-ir has, and a box for the others."""

from typing import TypeAlias

import onnx
import onnx_ir as ir


class ProtoType:
    """A type that onnx-ir has no class for (map, opaque, a tensor without element type).

    It keeps the whole serialised ``TypeProto``, shapes included, and is written back as it was.
    """

    def __init__(self, serialized: bytes) -> None:
        self.serialized = serialized
        self.denotation: str | None = None
        self.dtype = ir.DataType.UNDEFINED
        self.elem_type: ir.TypeProtocol | ir.DataType = ir.DataType.UNDEFINED

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ProtoType) and self.serialized == other.serialized

    def __hash__(self) -> int:
        return hash(self.serialized)

    def __repr__(self) -> str:
        text = str(onnx.TypeProto.FromString(self.serialized))
        return f"ProtoType({' '.join(text.split())})"


Leaf: TypeAlias = onnx.TypeProto.Tensor | onnx.TypeProto.SparseTensor


def leaf(proto: onnx.TypeProto) -> Leaf | None:
    """Return the tensor type inside sequences and optionals, or None when onnx-ir has no class."""
    kind = proto.WhichOneof("value")
    while kind in ("sequence_type", "optional_type"):
        proto = getattr(proto, kind).elem_type
        kind = proto.WhichOneof("value")
    if kind not in ("tensor_type", "sparse_tensor_type"):
        return None
    tensor: Leaf = getattr(proto, kind)
    return tensor if tensor.elem_type else None


def from_proto(proto: onnx.TypeProto) -> ir.TypeProtocol:
    """Return the type without its shape. Raises ``ValueError`` for an unknown element type."""
    denotation = proto.denotation or None
    kind = proto.WhichOneof("value")
    if leaf(proto) is None:
        return ProtoType(proto.SerializeToString())
    if kind == "tensor_type":
        return ir.TensorType(ir.DataType(proto.tensor_type.elem_type), denotation=denotation)
    if kind == "sparse_tensor_type":
        dtype = ir.DataType(proto.sparse_tensor_type.elem_type)
        return ir.SparseTensorType(dtype, denotation=denotation)
    if kind == "sequence_type":
        return ir.SequenceType(from_proto(proto.sequence_type.elem_type), denotation=denotation)
    return ir.OptionalType(from_proto(proto.optional_type.elem_type), denotation=denotation)


def to_proto(type_: ir.TypeProtocol | None, shape: ir.Shape | None) -> bytes:
    """Return the serialised ``TypeProto`` of a type and its shape; empty without a type."""
    if type_ is None:
        return b""
    if isinstance(type_, ProtoType):
        return type_.serialized
    proto = onnx.TypeProto()
    ir.serde.serialize_type_into(proto, type_)
    if shape is not None:
        ir.serde.serialize_shape_into(proto, shape)
    return bytes(proto.SerializeToString())

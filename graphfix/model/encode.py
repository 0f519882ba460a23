"""onnx-ir to the protobuf wire format, in pieces: bytes, and weights that are yet to be copied.

Nothing here reads the numbers of a large tensor; that is up to whoever joins the pieces.
"""

import itertools
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeAlias

import onnx
import onnx_ir as ir

from graphfix.errors import ModelError
from graphfix.model import types
from graphfix.model.decode import QUANTIZATION, TRAINING
from graphfix.model.tensors import SparseTensor, StoredTensor, raw_bytes
from graphfix.model.wire import LAZY_BYTES, field, number_field, varint

_FUNCTION_TYPES_SINCE: Final = 10


class Weight:
    """The bytes of a tensor that belong at this place; ``len()`` is their number."""

    __slots__ = ("_length", "tensor")

    def __init__(self, tensor: ir.TensorProtocol) -> None:
        self.tensor = tensor
        self._length = tensor.nbytes

    def __len__(self) -> int:
        return self._length


Piece: TypeAlias = bytes | Weight
Place: TypeAlias = Callable[[ir.TensorProtocol, "str | None"], Sequence[Piece]]
"""Says what stands for the data of a large tensor, as fields of its ``TensorProto``.

The name is that of the value in a graph that has these numbers (an initializer, the output of a
Constant); None when there is none (in functions, in attributes of other nodes).
"""


def inline(tensor: ir.TensorProtocol, name: str | None) -> Sequence[Piece]:
    """Keep the data of a tensor in the message, as ``raw_data``."""
    return (b"\x4a" + varint(tensor.nbytes), Weight(tensor))


def encode(
    model: ir.Model,
    place: Place = inline,
    *,
    extra_outputs: Sequence[ir.Value] = (),
    unique_node_names: bool = False,
    large: int = LAZY_BYTES,
    described: bool = True,
) -> list[Piece]:
    """Return the serialised ``ModelProto`` in pieces.

    ``place`` decides where the data of tensors of ``large`` bytes and more goes; that of smaller
    ones stays in the message. ``extra_outputs`` are added to
    the outputs of the main graph; ``unique_node_names`` leaves out the name of a node that another
    node of its graph has already; ``described=False`` leaves out all types and shapes that can be
    inferred: ``value_info``, and the shapes of graph outputs.
    """
    return _Encoder(place, unique_node_names, large, described).model(model, extra_outputs)


def external_fields(location: str, offset: int | None = None, length: int | None = None) -> bytes:
    """Return the fields of a ``TensorProto`` whose data is in another file."""
    entries = {"location": location, "offset": offset, "length": length}
    coded = (
        field(13, _entry(key, str(value))) for key, value in entries.items() if value is not None
    )
    return b"".join(coded) + number_field(14, onnx.TensorProto.EXTERNAL)


class _Encoder:
    def __init__(self, place: Place, unique_node_names: bool, large: int, described: bool) -> None:
        self._place = place
        self._large = large
        self._described = described
        self._in_function = False
        self._unique_node_names = unique_node_names
        self._texts: dict[str, bytes] = {}
        self._attributes: dict[int, bytes] = {}
        self._kinds: dict[tuple[ir.DataType, tuple[int, ...]], bytes] = {}
        """The fields of a tensor that tell its type and its shape."""
        self._types: dict[tuple[ir.DataType, str | None, int], bytes] = {}

    def model(self, model: ir.Model, extra_outputs: Sequence[ir.Value]) -> list[Piece]:
        pieces: list[Piece] = [
            number_field(1, model.ir_version),
            _text_field(2, model.producer_name),
            _text_field(3, model.producer_version),
            _text_field(4, model.domain),
            b"" if model.model_version is None else number_field(5, model.model_version),
            _text_field(6, model.doc_string),
        ]
        graph = self._graph(model.graph, extra_outputs)
        functions = [self._function(each, model.ir_version) for each in model.functions.values()]
        if self._described and model.ir_version < _FUNCTION_TYPES_SINCE:
            graph += self._function_types(model.functions.values())
        pieces += _message(7, graph)
        pieces += _opsets(8, model.opset_imports)
        pieces.append(_entries(14, model.metadata_props))
        pieces += [field(20, training) for training in model.graph.meta.get(TRAINING, ())]
        for function in functions:
            pieces += _message(25, function)
        for configuration in model.device_configurations:
            proto = ir.serde.serialize_model_configuration(configuration)
            pieces.append(field(26, proto.SerializeToString()))
        return pieces

    def _graph(self, graph: ir.Graph, extra_outputs: Sequence[ir.Value] = ()) -> list[Piece]:
        pieces: list[Piece] = []
        infos: list[bytes] = []
        initializers: list[Piece] = []
        sparse: list[Piece] = []
        for value in graph.initializers.values():
            tensor, name = value.const_value, value.name
            if tensor is None or name is None:
                raise ModelError(f"initializer {name!r} has no data")
            if isinstance(tensor, SparseTensor):
                sparse += _message(15, self._sparse(tensor, name))
            else:
                initializers += _message(5, self._tensor(tensor, name, name))
            if self._described and not value.is_graph_input() and not _says_the_same(value, tensor):
                infos.append(self._info(13, value))
        self._nodes(1, graph, pieces, infos)
        pieces.append(_text_field(2, graph.name))
        pieces += initializers
        pieces.append(_text_field(10, graph.doc_string))
        pieces += [self._info(11, value) for value in graph.inputs]
        outputs = (*graph.outputs, *extra_outputs)
        pieces += [self._info(12, value, shaped=self._described) for value in outputs]
        pieces += infos
        pieces += self._annotations(graph)
        pieces += sparse
        pieces.append(_entries(16, graph.metadata_props))
        return pieces

    def _nodes(
        self, number: int, nodes: Iterable[ir.Node], pieces: list[Piece], infos: list[bytes]
    ) -> None:
        """Append the nodes to ``pieces`` and the value_info of their outputs to ``infos``."""
        texts, attributes = self._texts, self._attributes
        described = self._described and not self._in_function
        seen: set[str | None] = set()
        for node in nodes:
            parts: list[Piece] = []
            for value in node.inputs:
                name = "" if value is None else value.name
                parts.append(b"\x0a")
                parts.append(texts.get(name) or self._text(name))  # type: ignore[arg-type]  # _text refuses None
            for value in node.outputs:
                name = value.name
                parts.append(b"\x12")
                parts.append(texts.get(name) or self._text(name))  # type: ignore[arg-type]  # _text refuses None
                known = value.type is not None or value.doc_string or value._metadata_props
                if known and described and name and not value.is_graph_output():
                    infos.append(self._info(13, value))
            if name := node.name:
                if not (self._unique_node_names and name in seen):
                    parts += (b"\x1a", self._text(name))
                seen.add(name)
            parts += (b"\x22", texts.get(node.op_type) or self._text(node.op_type))
            for attribute in node.attributes.data.values():  # the views of a UserDict are slow
                coded = attributes.get(id(attribute))
                if coded is not None:
                    parts.append(coded)
                elif node.op_type == "Constant" and not self._in_function:
                    parts += self._attribute(5, attribute, node.outputs[0].name)
                else:
                    parts += self._attribute(5, attribute)
            if node.doc_string:
                parts.append(_text_field(6, node.doc_string))
            if node.domain:
                parts.append(_text_field(7, node.domain))
            if node.overload:
                parts.append(_text_field(8, node.overload))
            if node.metadata_props:
                parts.append(_entries(9, node.metadata_props))
            if node.device_configurations:
                parts.append(_devices(node))
            pieces += _message(number, parts)

    def _attribute(
        self, number: int, attribute: ir.Attr, value_name: str | None = None
    ) -> Sequence[Piece]:
        parts: list[Piece] = [_text_field(1, attribute.name)]
        kind, value = attribute.type, attribute.value
        if attribute.ref_attr_name is not None:
            parts.append(_text_field(13, attribute.doc_string))
            parts.append(number_field(20, kind) + _text_field(21, attribute.ref_attr_name))
            return _message(number, parts)
        if kind == ir.AttributeType.INT:
            parts.append(number_field(3, value))
        elif kind == ir.AttributeType.INTS:
            parts += [number_field(8, each) for each in value]
        elif kind == ir.AttributeType.FLOAT:
            parts.append(b"\x15" + struct.pack("<f", value))
        elif kind == ir.AttributeType.FLOATS:
            parts += [b"\x3d" + struct.pack("<f", each) for each in value]
        elif kind == ir.AttributeType.STRING:
            parts.append(field(4, _coded(value)))
        elif kind == ir.AttributeType.STRINGS:
            parts += [field(9, _coded(each)) for each in value]
        elif kind == ir.AttributeType.TENSOR:
            parts += _message(5, self._tensor(value, value.name or "", value_name))
        elif kind == ir.AttributeType.TENSORS:
            for each in value:
                parts += _message(10, self._tensor(each, each.name or ""))
        elif kind == ir.AttributeType.GRAPH:
            parts += _message(6, self._graph(value))
        elif kind == ir.AttributeType.GRAPHS:
            for each in value:
                parts += _message(11, self._graph(each))
        elif kind == ir.AttributeType.SPARSE_TENSOR:
            parts += _message(22, self._sparse(value, value.name or ""))
        elif kind == ir.AttributeType.SPARSE_TENSORS:
            for each in value:
                parts += _message(23, self._sparse(each, each.name or ""))
        elif kind == ir.AttributeType.TYPE_PROTO:
            parts.append(field(14, types.to_proto(value.type, value.shape)))
        elif kind == ir.AttributeType.TYPE_PROTOS:
            parts += [field(15, types.to_proto(each.type, each.shape)) for each in value]
        if attribute.doc_string:
            parts.append(_text_field(13, attribute.doc_string))
        parts.append(number_field(20, kind))
        message = _message(number, parts)
        if kind in _SHARED:
            self._attributes[id(attribute)] = bytes(message[0])  # type: ignore[arg-type]  # no weight in it
        return message

    def _tensor(
        self, tensor: ir.TensorProtocol, name: str, value_name: str | None = None
    ) -> list[Piece]:
        undefined = tensor.dtype == ir.DataType.UNDEFINED
        large = not undefined and tensor.nbytes >= self._large
        stored = isinstance(tensor, StoredTensor)  # as almost all are
        if not stored and isinstance(tensor, ir.serde.TensorProtoTensor) and not large:
            return [_proto_tensor(tensor, name)]
        dims = tuple(tensor.shape.numpy())
        kind = self._kinds.get((tensor.dtype, dims))
        if kind is None:
            fields = [*(number_field(1, dim) for dim in dims), number_field(2, tensor.dtype)]
            kind = self._kinds[tensor.dtype, dims] = b"".join(fields)
        parts: list[Piece] = [kind]
        if not stored and isinstance(tensor, ir.StringTensor):
            parts += [field(6, each) for each in tensor.string_data()]
            parts.append(_text_field(8, name))
        else:
            parts.append(_text_field(8, name))
            if large:
                parts += self._place(tensor, value_name)
            else:
                parts.append(field(9, bytes(raw_bytes(tensor))))
        parts.append(_text_field(12, tensor.doc_string))
        parts.append(_entries(16, tensor.metadata_props))
        return parts

    def _sparse(self, tensor: SparseTensor, name: str) -> list[Piece]:
        """Return the sparse tensor; its two parts are never placed elsewhere."""
        place, self._place = self._place, inline
        parts = list(_message(1, self._tensor(tensor.values, name)))
        parts += _message(2, self._tensor(tensor.indices, tensor.indices.name or ""))
        self._place = place
        dims: Sequence[int] = tensor.shape.numpy()
        parts += [number_field(3, dim) for dim in dims]
        return parts

    def _function(self, function: ir.Function, ir_version: int) -> list[Piece]:
        pieces: list[Piece] = [_text_field(1, function.name)]
        pieces += [field(4, _coded(value.name or "")) for value in function.inputs]
        pieces += [field(5, _coded(value.name or "")) for value in function.outputs]
        defaults: list[Piece] = []
        for attribute in function.attributes.values():
            if attribute.type == ir.AttributeType.UNDEFINED:
                pieces.append(_text_field(6, attribute.name))
            else:
                defaults += self._attribute(11, attribute)
        self._in_function = True
        self._nodes(7, function, pieces, [])
        self._in_function = False
        pieces.append(_text_field(8, function.doc_string))
        pieces += _opsets(9, function.opset_imports)
        pieces.append(_text_field(10, function.domain))
        pieces += defaults
        if self._described and ir_version >= _FUNCTION_TYPES_SINCE:
            values = _function_values(function)
            pieces += [self._info(12, value) for value in values if _is_described(value)]
        pieces.append(_text_field(13, function.overload))
        pieces.append(_entries(14, function.metadata_props))
        return pieces

    def _function_types(self, functions: Iterable[ir.Function]) -> Iterable[bytes]:
        """Yield the types of function values as exporters of IR version 9 wrote them."""
        for function in functions:
            for value in filter(_is_described, _function_values(function)):
                name = f"{function.domain}::{function.name}/{value.name}"
                yield self._info(13, value, name)

    def _info(
        self, number: int, value: ir.Value, name: str | None = None, *, shaped: bool = True
    ) -> bytes:
        type_, shape = value.type, value.shape if shaped else None
        if type_ is None:
            coded = b""
        elif type(type_) is ir.TensorType:
            key = (type_.dtype, type_.denotation, id(shape))
            coded = self._types.get(key) or self._types.setdefault(
                key, field(2, types.to_proto(type_, shape))
            )
        else:
            coded = field(2, types.to_proto(type_, shape))
        coded = b"\x0a" + self._text(name or value.name) + coded
        if value.doc_string:
            coded += _text_field(3, value.doc_string)
        if value._metadata_props:  # the property would create a store for every value
            coded += _entries(4, value._metadata_props)
        return varint(number << 3 | 2) + varint(len(coded)) + coded

    def _annotations(self, graph: ir.Graph) -> Iterable[bytes]:
        made = (value for node in graph for value in node.outputs)
        values = itertools.chain(graph.inputs, graph.initializers.values(), made)
        for value in dict.fromkeys(value for value in values if value._metadata):
            if names := value.meta.get(QUANTIZATION):
                yield field(14, _text_field(1, value.name) + _entries(2, names))

    def _text(self, text: str | None) -> bytes:
        """Return the length and the UTF-8 bytes of a name."""
        if text is None:
            raise ModelError("a value has no name; give it one before the model is written")
        coded = self._texts.get(text)
        if coded is None:
            data = text.encode()
            coded = self._texts[text] = varint(len(data)) + data
        return coded


_SHARED: Final = frozenset(
    (
        ir.AttributeType.INT,
        ir.AttributeType.FLOAT,
        ir.AttributeType.STRING,
        ir.AttributeType.INTS,
        ir.AttributeType.FLOATS,
        ir.AttributeType.STRINGS,
    )
)
"""Types of attributes of which the decoder makes one object for all equal ones."""


def _message(number: int, parts: Sequence[Piece]) -> list[Piece]:
    """Return a message field; in one piece when there is no weight in it."""
    key = varint(number << 3 | 2)
    try:
        data = b"".join(parts)  # type: ignore[arg-type]  # a weight in it is a TypeError
    except TypeError:
        return [key + varint(sum(map(len, parts))), *parts]
    return [key + varint(len(data)) + data]


def _proto_tensor(tensor: ir.serde.TensorProtoTensor, name: str) -> bytes:
    """Return a tensor that keeps its numbers in ``float_data`` and the like."""
    proto = onnx.TensorProto()
    proto.CopyFrom(tensor.raw)
    proto.name = name
    if not name:
        proto.ClearField("name")
    del proto.metadata_props[:]
    return bytes(proto.SerializeToString()) + _entries(16, tensor.metadata_props)


def _function_values(function: ir.Function) -> Iterable[ir.Value]:
    return itertools.chain(function.inputs, (v for node in function for v in node.outputs))


def _is_described(value: ir.Value) -> bool:
    if not value.name:
        return False
    return bool(value.type or value.doc_string or value.metadata_props)


def _says_the_same(value: ir.Value, tensor: ir.TensorProtocol) -> bool:
    """Return whether the value knows nothing about itself that the tensor does not say."""
    if value.doc_string or value._metadata_props:
        return False
    if value.type is None and value.shape is None:
        return True
    if type(value.type) is not ir.TensorType or value.type.denotation:
        return False
    same_shape = value.shape is tensor.shape or value.shape == tensor.shape
    return value.type.dtype == tensor.dtype and same_shape


def _devices(node: ir.Node) -> bytes:
    try:
        protos = map(ir.serde.serialize_node_device_configuration, node.device_configurations)
        return b"".join(field(10, proto.SerializeToString()) for proto in protos)
    except ValueError as error:
        raise ModelError(f"{node.op_type} {node.name!r}: {error}") from error


def _opsets(number: int, opsets: Mapping[str, int]) -> list[bytes]:
    return [
        field(number, _text_field(1, domain) + number_field(2, version))
        for domain, version in opsets.items()
    ]


def _entries(number: int, entries: Mapping[str, str]) -> bytes:
    return b"".join(field(number, _entry(key, value)) for key, value in entries.items())


def _entry(key: str, value: str) -> bytes:
    return field(1, _coded(key)) + field(2, _coded(value))


def _text_field(number: int, text: str | None) -> bytes:
    return field(number, _coded(text)) if text else b""


def _coded(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else bytes(text)

"""Protobuf to onnx-ir, with a diagnosis where onnx-ir drops something or fails obscurely.

What is not kept as it was, beside what any rewrite of the file may change (field order, explicit
empty strings): the domain ``ai.onnx`` becomes the empty one it is another name for; a negative
``dim_value`` (or a ``dim_param`` like ``-1``) becomes a named dimension; nodes out of order are
sorted; an attribute without ``type`` gets the type of its only value; ``value_info`` and
quantization annotations of names that do not exist are dropped; fields onnx does not know are
dropped with a logged warning.
"""

import logging
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

import onnx
import onnx_ir as ir

from graphfix.errors import ModelError
from graphfix.model import types
from graphfix.model.sources import MemorySource, Source
from graphfix.model.tensors import SparseTensor, StoredTensor, byte_count
from graphfix.model.wire import PAYLOAD_KEY

QUANTIZATION: Final = "quant_parameter_tensor_names"
"""``Value.meta`` key of a quantization annotation; onnx-ir's own."""
TRAINING: Final = "graphfix.training_info"
"""``Graph.meta`` key of the main graph: serialised ``TrainingInfoProto`` messages."""

_FUNCTION_TYPES_SINCE: Final = 10
"""IR version from which a function has its own value_info; before, exporters used the graph's."""

_DTYPES: Final[Mapping[int, ir.DataType]] = {int(dtype): dtype for dtype in ir.DataType}
"""By their numbers: an enum takes ten times as long to find a member."""

_logger = logging.getLogger(__name__)
_Locate = Callable[[str], Source]


def decode(
    proto: onnx.ModelProto, payload: Source | None = None, locate: _Locate | None = None
) -> ir.Model:
    """Return the model in ``proto``.

    ``payload`` holds the bytes that ``wire.skeleton`` left behind; ``locate`` opens an external
    data file by its ``location``. Raises ``ModelError`` for a model that breaks ONNX's rules on
    names, and for tensors whose size is not that of their data.
    """
    return _Decoder(payload, locate).model(proto)


class _Scope:
    """The values of one graph by name, and those a node needs before they are produced."""

    def __init__(self, nodes: Sequence[onnx.NodeProto]) -> None:
        self.values: dict[str, ir.Value] = {}
        self.early: dict[str, ir.Value] = {}
        self._nodes = nodes
        self._produced: set[str] | None = None

    def find(self, name: str) -> ir.Value | None:
        """Return the value called ``name``, produced already or later in this graph."""
        value = self.values.get(name) or self.early.get(name)
        if value is not None:
            return value
        if self._produced is None:
            self._produced = {output for node in self._nodes for output in node.output}
        if name not in self._produced:
            return None
        return self.early.setdefault(name, ir.Value(name=name))


class _Decoder:
    def __init__(self, payload: Source | None, locate: _Locate | None) -> None:
        self._payload = payload
        self._locate = locate
        self._attributes: dict[bytes, ir.Attr] = {}
        self._types: dict[bytes, tuple[ir.DataType, str | None, ir.Shape | None]] = {}
        self._main = onnx.GraphProto()
        self._unsorted = False

    def model(self, proto: onnx.ModelProto) -> ir.Model:
        _require_text(proto.producer_name, proto.producer_version, proto.domain, proto.doc_string)
        size = proto.ByteSize()
        proto.DiscardUnknownFields()
        if (unknown := size - proto.ByteSize()) > 0:
            _logger.warning("%d bytes of fields unknown to onnx are dropped", unknown)
        self._main = proto.graph
        graph = self._graph(proto.graph, [])
        graph.opset_imports.update(_opsets(proto.opset_import))
        if proto.training_info:
            graph.meta[TRAINING] = tuple(t.SerializeToString() for t in proto.training_info)
        functions: dict[tuple[str, str, str], ir.Function] = {}
        for function_proto in proto.functions:
            function = self._function(function_proto)
            if function.identifier() in functions:
                raise ModelError(f"function {function_proto.name!r} is defined twice")
            functions[function.identifier()] = function
        if proto.ir_version < _FUNCTION_TYPES_SINCE and functions:
            self._function_types(functions, proto.graph.value_info)
        configurations = {
            c.name: ir.serde.deserialize_model_configuration(c) for c in proto.configuration
        }
        model = ir.Model(
            graph,
            ir_version=proto.ir_version,
            producer_name=proto.producer_name or None,
            producer_version=proto.producer_version or None,
            domain=proto.domain or None,
            model_version=proto.model_version if proto.HasField("model_version") else None,
            doc_string=proto.doc_string or None,
            functions=tuple(functions.values()),
            metadata_props=_strings(proto.metadata_props),
            device_configurations=tuple(configurations.values()),
        )
        if self._unsorted:
            for each in (graph, *(function.graph for function in functions.values())):
                try:
                    each.sort()
                except ValueError as error:
                    raise ModelError("the nodes form a cycle") from error
        return model

    def _graph(self, proto: onnx.GraphProto, scopes: list[_Scope]) -> ir.Graph:
        scope = _Scope(proto.node)
        values = scope.values
        inputs = []
        for info in proto.input:
            if not info.name or info.name in values:
                raise ModelError(
                    f"two graph inputs are named {info.name!r}"
                    if info.name
                    else "a graph input has no name"
                )
            value = values[info.name] = ir.Value(name=info.name)
            self._describe(value, info)
            inputs.append(value)
        infos = {info.name: info for info in proto.value_info}
        initializers = self._initializers(proto, values, infos)
        scopes.append(scope)
        nodes = self._nodes(proto.node, scopes, infos)
        scopes.pop()
        _require_text(proto.name, proto.doc_string, *values)
        outputs = []
        for info in proto.output:
            output = values.get(info.name)
            if output is None:
                raise ModelError(_unknown_output(info.name, scopes))
            self._describe(output, info, keep=output.producer() is None)
            outputs.append(output)
        for annotation in proto.quantization_annotation:
            if (annotated := values.get(annotation.tensor_name)) is not None:
                annotated.meta[QUANTIZATION] = _strings(annotation.quant_parameter_tensor_names)
        return ir.Graph(
            inputs,
            outputs,
            nodes=nodes,
            initializers=initializers,
            doc_string=proto.doc_string or None,
            name=proto.name or None,
            metadata_props=_strings(proto.metadata_props),
        )

    def _initializers(
        self,
        proto: onnx.GraphProto,
        values: dict[str, ir.Value],
        infos: Mapping[str, onnx.ValueInfoProto],
    ) -> list[ir.Value]:
        tensors: list[ir.TensorProtocol] = [self._tensor(tensor) for tensor in proto.initializer]
        tensors += [self._sparse(tensor) for tensor in proto.sparse_initializer]
        initializers: dict[str, ir.Value] = {}
        for tensor in tensors:
            name = tensor.name
            if not name:
                raise ModelError("an initializer has no name")
            if name in initializers:
                raise ModelError(f"two initializers are named {name!r}")
            value = values.get(name)
            if value is None:
                value = values[name] = ir.Value(
                    name=name,
                    type=ir.TensorType(tensor.dtype),
                    shape=tensor.shape,  # type: ignore[arg-type]  # it is an ir.Shape
                )
                if (info := infos.get(name)) is not None:
                    self._describe(value, info)
            value.const_value = tensor
            initializers[name] = value
        return list(initializers.values())

    def _nodes(
        self,
        protos: Iterable[onnx.NodeProto],
        scopes: list[_Scope],
        infos: Mapping[str, onnx.ValueInfoProto],
    ) -> list[ir.Node]:
        values, early = scopes[-1].values, scopes[-1].early
        nodes = []
        for proto in protos:
            inputs: list[ir.Value | None] = []
            for name in proto.input:
                value = values.get(name) if name else None
                if value is None and name:
                    value = self._find(name, scopes, proto)
                inputs.append(value)
            outputs = []
            for name in proto.output:
                if name in values:
                    raise ModelError(_redefined(name, proto, values[name]))
                value = (early.pop(name, None) if early else None) or ir.Value(name=name)
                outputs.append(value)
                if name:
                    values[name] = value
                    if (info := infos.get(name)) is not None:
                        self._describe(value, info)
            try:
                attributes = [self._attribute(each, scopes) for each in proto.attribute]
            except ModelError as error:
                raise ModelError(f"{_describe_node(proto)}: {error}") from error
            domain, op_type, overload = proto.domain, proto.op_type, proto.overload
            name, doc_string = proto.name, proto.doc_string
            _require_text(domain, op_type, overload, name, doc_string)
            node = ir.Node(
                domain,
                op_type,
                inputs,
                attributes,
                overload=overload,
                outputs=outputs,
                name=name,
                doc_string=doc_string or None,
                metadata_props=_strings(metadata) if (metadata := proto.metadata_props) else None,
            )
            if len(attributes) > 1 and len(node.attributes) != len(attributes):
                raise ModelError(f"{_describe_node(proto)} has an attribute twice")
            if proto.device_configurations:
                known = {key: value for scope in scopes for key, value in scope.values.items()}
                node.device_configurations = tuple(
                    ir.serde.deserialize_node_device_configuration(each, values=known)
                    for each in proto.device_configurations
                )
            nodes.append(node)
        return nodes

    def _find(self, name: str, scopes: list[_Scope], proto: onnx.NodeProto) -> ir.Value:
        for scope in reversed(scopes):
            value = scope.find(name)
            if value is not None:
                self._unsorted = self._unsorted or name in scope.early
                return value
        raise ModelError(
            f"{_describe_node(proto)} reads {name!r}, which nothing in the model produces"
        )

    def _function(self, proto: onnx.FunctionProto) -> ir.Function:
        scope = _Scope(proto.node)
        for name in proto.input:
            if name in scope.values:
                raise ModelError(f"function {proto.name!r} has two inputs named {name!r}")
            scope.values[name] = ir.Value(name=name)
        inputs = list(scope.values.values())
        infos = {info.name: info for info in proto.value_info}
        for value in inputs:
            if (info := infos.get(value.name or "")) is not None:
                self._describe(value, info)
        nodes = self._nodes(proto.node, [scope], infos)
        _require_text(proto.name, proto.domain, proto.overload, proto.doc_string, *scope.values)
        _require_text(*proto.attribute)
        for name in proto.output:
            if name not in scope.values:
                raise ModelError(f"function {proto.name!r} does not produce its output {name!r}")
        graph = ir.Graph(
            inputs,
            [scope.values[name] for name in proto.output],
            nodes=nodes,
            doc_string=proto.doc_string or None,
            opset_imports=_opsets(proto.opset_import),
            name=proto.name,
            metadata_props=_strings(proto.metadata_props),
        )
        attributes = [self._attribute(each, []) for each in proto.attribute_proto]
        attributes += [ir.Attr(name, ir.AttributeType.UNDEFINED, None) for name in proto.attribute]
        return ir.Function(
            proto.domain, proto.name, proto.overload, graph=graph, attributes=attributes
        )

    def _function_types(
        self,
        functions: Mapping[tuple[str, str, str], ir.Function],
        infos: Iterable[onnx.ValueInfoProto],
    ) -> None:
        """Apply ``domain::function/value`` entries of the main graph's value_info."""
        for info in infos:
            owner, _, name = info.name.partition("/")
            domain, separator, function_name = owner.partition("::")
            function = functions.get((domain, function_name, "")) if separator else None
            if function is None:
                continue
            values = (*function.inputs, *(v for node in function for v in node.outputs))
            for value in values:
                if value.name == name:
                    self._describe(value, info)

    def _describe(self, value: ir.Value, info: onnx.ValueInfoProto, *, keep: bool = False) -> None:
        """Give ``value`` what ``info`` says; ``keep`` leaves a type and shape that are known."""
        if info.HasField("type") and not (keep and value.type is not None):
            value.type, value.shape = self._type(info.type, info.name)
        if info.metadata_props:
            value.metadata_props.update(_strings(info.metadata_props) or {})
        if info.doc_string:
            _require_text(info.doc_string)
            value.doc_string = info.doc_string

    def _type(self, proto: onnx.TypeProto, name: str) -> tuple[ir.TypeProtocol, ir.Shape | None]:
        key = proto.SerializeToString()
        if (known := self._types.get(key)) is not None:
            return ir.TensorType(known[0], denotation=known[1]), known[2]
        try:
            type_ = types.from_proto(proto)
        except ValueError as error:
            raise ModelError(f"value {name!r} has an unknown element type: {error}") from error
        tensor = types.leaf(proto)
        if tensor is None or not tensor.HasField("shape"):
            shape, named = None, False
        else:
            shape, named = self._shape(tensor.shape, name)
        if type(type_) is ir.TensorType and not named:
            self._types[key] = (type_.dtype, type_.denotation, shape)
        return type_, shape

    def _shape(self, proto: onnx.TensorShapeProto, name: str) -> tuple[ir.Shape, bool]:
        """Return the shape, and whether a dimension got a name of its own."""
        named = False
        dims: list[int | str | None] = []
        for index, dim in enumerate(proto.dim):
            size: int | str = dim.dim_value if dim.HasField("dim_value") else dim.dim_param
            if isinstance(size, bytes):
                raise ModelError(_NOT_TEXT.format(size))
            if _negative(size):
                size, named = self._symbol(f"{name}_dim{index}"), True
            dims.append(None if size == "" else size)
        denotations = [dim.denotation or None for dim in proto.dim]
        _require_text(*filter(None, denotations))
        return ir.Shape(dims, denotations=denotations, frozen=True), named

    @cached_property
    def _symbols(self) -> set[str]:
        """The names of dims in the main graph, and those given out since."""
        main = self._main
        return {
            dim.dim_param
            for info in (*main.input, *main.output, *main.value_info)
            if (tensor := types.leaf(info.type)) is not None
            for dim in tensor.shape.dim
        }

    def _symbol(self, wanted: str) -> str:
        name, count = wanted, 1
        while name in self._symbols:
            name, count = f"{wanted}_{count}", count + 1
        self._symbols.add(name)
        return name

    def _attribute(self, proto: onnx.AttributeProto, scopes: list[_Scope]) -> ir.Attr:
        kind = proto.type
        if kind in _PLAIN:
            key = proto.SerializeToString()
            attribute = self._attributes.get(key)
            if attribute is None:
                attribute = self._attributes[key] = _plain_attribute(proto)
            return attribute
        name, doc_string = proto.name, proto.doc_string or None
        _require_text(name, proto.doc_string, proto.ref_attr_name)
        if proto.ref_attr_name:
            return ir.RefAttr(
                name, proto.ref_attr_name, ir.AttributeType(kind), doc_string=doc_string
            )
        if kind == onnx.AttributeProto.UNDEFINED:
            if (found := _only_value(proto)) is None:
                return ir.Attr(name, ir.AttributeType.UNDEFINED, None, doc_string=doc_string)
            proto.type = found
            return self._attribute(proto, scopes)
        value: Any
        if kind == onnx.AttributeProto.TENSOR:
            value = self._tensor(proto.t)
        elif kind == onnx.AttributeProto.TENSORS:
            value = [self._tensor(tensor) for tensor in proto.tensors]
        elif kind == onnx.AttributeProto.GRAPH:
            value = self._graph(proto.g, scopes)
        elif kind == onnx.AttributeProto.GRAPHS:
            value = [self._graph(graph, scopes) for graph in proto.graphs]
        elif kind == onnx.AttributeProto.SPARSE_TENSOR:
            value = self._sparse(proto.sparse_tensor)
        elif kind == onnx.AttributeProto.SPARSE_TENSORS:
            value = [self._sparse(tensor) for tensor in proto.sparse_tensors]
        elif kind == onnx.AttributeProto.TYPE_PROTO:
            value = ir.TypeAndShape(*self._type(proto.tp, name))
        elif kind == onnx.AttributeProto.TYPE_PROTOS:
            value = [ir.TypeAndShape(*self._type(each, name)) for each in proto.type_protos]
        else:
            raise ModelError(f"attribute {name!r} has the unknown type {kind}")
        return ir.Attr(name, ir.AttributeType(kind), value, doc_string=doc_string)

    def _sparse(self, proto: onnx.SparseTensorProto) -> SparseTensor:
        values, indices = self._tensor(proto.values), self._tensor(proto.indices)
        dims = tuple(proto.dims)
        if min(dims, default=0) < 0:
            raise ModelError(f"sparse tensor {values.name!r} has a negative dimension: {dims}")
        return SparseTensor(values, indices, dims)

    def _tensor(self, proto: onnx.TensorProto) -> ir.TensorProtocol:
        name, dims = proto.name, tuple(proto.dims)
        _require_text(name, proto.doc_string)
        dtype = _DTYPES.get(proto.data_type)
        if dtype is None:
            raise ModelError(f"tensor {name!r} has the unknown type {proto.data_type}")
        if dims and min(dims) < 0:
            raise ModelError(f"tensor {name!r} has a negative dimension: {list(dims)}")
        doc_string, metadata = proto.doc_string or None, _strings(proto.metadata_props)
        external = _strings(proto.external_data) or {}
        if dtype == ir.DataType.STRING and not external:
            if len(proto.string_data) != math.prod(dims):
                raise ModelError(
                    f"tensor {name!r} of shape {list(dims)} has {len(proto.string_data)} strings"
                )
            return ir.StringTensor(
                proto.string_data,
                shape=ir.Shape(dims, frozen=True),
                name=name,
                doc_string=doc_string,
                metadata_props=metadata,
            )
        raw = proto.HasField("raw_data")
        if not external and not raw:
            return _typed_tensor(proto, dtype, dims)
        if dtype in (ir.DataType.STRING, ir.DataType.UNDEFINED):
            raise ModelError(f"tensor {name!r} has raw data, but its type is {dtype.name}")
        expected = byte_count(dtype, dims)
        source: Source
        if raw and proto.data_location != onnx.TensorProto.EXTERNAL:
            data = proto.raw_data
            source, offset, length = MemorySource(data), 0, len(data)
        elif PAYLOAD_KEY in external and self._payload is not None:
            source = self._payload
            offset, length = map(int, external[PAYLOAD_KEY].split(":"))
        else:
            source, offset, length = self._external(name, external, expected)
        if length != expected:
            raise ModelError(
                f"tensor {name!r} of type {dtype.name} and shape {list(dims)} needs {expected} "
                f"bytes, but {length} are stored"
            )
        return StoredTensor(
            source,
            offset,
            length,
            dtype,
            dims,
            name=name,
            doc_string=doc_string,
            metadata_props=metadata,
        )

    def _external(
        self, name: str, entries: Mapping[str, str], expected: int
    ) -> tuple[Source, int, int]:
        location = entries.get("location", "")
        if self._locate is None:
            raise ModelError(
                f"the data of tensor {name!r} is in another file ({location!r}); load the model "
                f"from its path, so that the file can be found"
            )
        try:
            offset = int(entries.get("offset") or 0)
            length = int(entries.get("length") or expected)
        except ValueError as error:
            raise ModelError(f"tensor {name!r}: its place in {location!r} is damaged") from error
        source = self._locate(location)
        if offset < 0 or length < 0 or offset + length > source.size:
            raise ModelError(
                f"tensor {name!r} needs bytes {offset} to {offset + length} of {location!r}, which "
                f"has {source.size}; copy the data file again, it is cut short or another model's"
            )
        return source, offset, length


_PLAIN: Final = frozenset(
    (
        onnx.AttributeProto.INT,
        onnx.AttributeProto.FLOAT,
        onnx.AttributeProto.STRING,
        onnx.AttributeProto.INTS,
        onnx.AttributeProto.FLOATS,
        onnx.AttributeProto.STRINGS,
    )
)
"""Attribute types whose values cannot change, so that equal attributes share one object."""

_VALUE_FIELDS: Final = {
    "f": onnx.AttributeProto.FLOAT,
    "i": onnx.AttributeProto.INT,
    "s": onnx.AttributeProto.STRING,
    "t": onnx.AttributeProto.TENSOR,
    "g": onnx.AttributeProto.GRAPH,
    "sparse_tensor": onnx.AttributeProto.SPARSE_TENSOR,
    "tp": onnx.AttributeProto.TYPE_PROTO,
    "floats": onnx.AttributeProto.FLOATS,
    "ints": onnx.AttributeProto.INTS,
    "strings": onnx.AttributeProto.STRINGS,
    "tensors": onnx.AttributeProto.TENSORS,
    "graphs": onnx.AttributeProto.GRAPHS,
    "sparse_tensors": onnx.AttributeProto.SPARSE_TENSORS,
    "type_protos": onnx.AttributeProto.TYPE_PROTOS,
}


def _plain_attribute(proto: onnx.AttributeProto) -> ir.Attr:
    name, kind, doc_string = proto.name, proto.type, proto.doc_string or None
    _require_text(name, proto.doc_string, proto.ref_attr_name)
    if proto.ref_attr_name:
        return ir.RefAttr(name, proto.ref_attr_name, ir.AttributeType(kind), doc_string=doc_string)
    value: Any
    if kind == onnx.AttributeProto.INT:
        value = proto.i
    elif kind == onnx.AttributeProto.FLOAT:
        value = proto.f
    elif kind == onnx.AttributeProto.STRING:
        value = _text(proto.s)
    elif kind == onnx.AttributeProto.INTS:
        value = proto.ints
    elif kind == onnx.AttributeProto.FLOATS:
        value = proto.floats
    else:
        value = [_text(each) for each in proto.strings]
    return ir.Attr(name, ir.AttributeType(kind), value, doc_string=doc_string)


def _text(data: bytes) -> str | bytes:
    """Return text, or the bytes themselves where a custom operator keeps bytes in a string."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def _only_value(proto: onnx.AttributeProto) -> onnx.AttributeProto.AttributeType | None:
    """Return the type of the only value an attribute of IR version 1 has."""
    found = {_VALUE_FIELDS[f.name] for f, _ in proto.ListFields() if f.name in _VALUE_FIELDS}
    return found.pop() if len(found) == 1 else None


def _typed_tensor(
    proto: onnx.TensorProto, dtype: ir.DataType, dims: tuple[int, ...]
) -> ir.TensorProtocol:
    """Return a tensor whose numbers are in ``float_data`` and the like; they stay there."""
    own = onnx.TensorProto()
    own.CopyFrom(proto)
    tensor = ir.serde.TensorProtoTensor(own)
    if dtype == ir.DataType.UNDEFINED:
        return tensor
    expected = byte_count(dtype, dims)
    try:
        stored = len(tensor.tobytes())
    except (AssertionError, ValueError, OverflowError) as error:
        raise ModelError(f"the data of tensor {proto.name!r} does not fit its type") from error
    if stored != expected:
        raise ModelError(
            f"tensor {proto.name!r} of type {dtype.name} and shape {list(dims)} needs {expected} "
            f"bytes, but {stored} are stored"
        )
    return tensor


def _strings(entries: Iterable[onnx.StringStringEntryProto]) -> dict[str, str] | None:
    if not entries:
        return None
    strings = {entry.key: entry.value for entry in entries}
    _require_text(*strings, *strings.values())
    return strings


def _require_text(*texts: str) -> None:
    """Raise ``ModelError`` for a string that is not UTF-8: protobuf then returns bytes."""
    try:
        "".join(texts)
    except TypeError as error:
        raise ModelError(
            _NOT_TEXT.format(next(text for text in texts if isinstance(text, bytes)))
        ) from error


_NOT_TEXT: Final = "the name or text {!r} is not UTF-8; the file is damaged"


def _opsets(entries: Iterable[onnx.OperatorSetIdProto]) -> dict[str, int]:
    opsets: dict[str, int] = {}
    for entry in entries:
        _require_text(entry.domain)
        domain = "" if entry.domain == "ai.onnx" else entry.domain
        if opsets.setdefault(domain, entry.version) != entry.version:
            raise ModelError(
                f"the model imports version {opsets[domain]} and version {entry.version} of domain "
                f"{domain or 'ai.onnx'!r}"
            )
    return opsets


def _negative(size: int | str) -> bool:
    if isinstance(size, int):
        return size < 0
    return size.startswith("-") and size[1:].isdecimal()


def _describe_node(proto: onnx.NodeProto) -> str:
    return f"{proto.op_type} {proto.name!r}" if proto.name else f"an unnamed {proto.op_type}"


def _redefined(name: str, proto: onnx.NodeProto, first: ir.Value) -> str:
    if (producer := first.producer()) is not None:
        owner = f"{producer.op_type} {producer.name!r}"
    else:
        owner = "an initializer" if first.const_value is not None else "a graph input"
    return f"{_describe_node(proto)} produces {name!r}, which {owner} defines already"


def _unknown_output(name: str, scopes: list[_Scope]) -> str:
    if any(name in scope.values for scope in scopes):
        return (
            f"a subgraph returns {name!r} of the graph around it directly; it needs an Identity "
            f"node in between"
        )
    return f"graph output {name!r} is not produced by any node"

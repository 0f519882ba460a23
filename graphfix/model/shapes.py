"""Types and shapes of the values in a model."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import onnx
import onnx_ir as ir

from graphfix.errors import ModelError
from graphfix.model import types
from graphfix.model.encode import Piece, encode, external_fields
from graphfix.model.io import join, paused_gc

_MAX_VECTOR_ELEMENTS: Final = 4_000_000
"""Beyond, the values of integers are not followed: onnx 1.23 makes an object for every element of
every vector that is added or multiplied, so that one declared shape could fill the memory."""

_STFT: Final = 17
"""The opset that brought STFT."""


def infer_shapes(model: ir.Model) -> None:
    """Bring the types and shapes of all node outputs in line with the graph, in place.

    Shapes are inferred from the graph inputs and the weights alone (values of small integer
    tensors included), then merged with what the model says, dimension by dimension:

    - an inferred number, or a symbol that comes from a graph input, replaces what the model says;
    - where nothing could be inferred, what the model says stays;
    - a rank or an element type that differs makes everything the model says about it stale.

    Values inside functions are left alone. Raises ``ModelError`` with onnx's message when the
    graph contradicts itself.
    """
    with paused_gc(), _told_defaults(model):
        rounds = _Rounds(model)
        bare = join(encode(model, _left_out, described=False))
        safe = rounds.run(bare, follow_numbers=False) and not _misleads(model)
        if rounds.unknown and safe:
            rounds.run(bare, follow_numbers=True)
        if rounds.unknown and rounds.kept:
            told = join(encode(model, _left_out))
            rounds.run(told, follow_numbers=safe)


_INTEGERS = (ir.DataType.INT64, ir.DataType.INT32)


class _Rounds:
    """Rounds of inference, each merged into the model."""

    def __init__(self, model: ir.Model) -> None:
        self._model = model
        self._symbols = {
            dim.value
            for value in model.graph.inputs
            for dim in value.shape or ()
            if isinstance(dim, ir.SymbolicDim) and dim.value is not None
        }
        self._kept_symbols: set[str] = set()
        self._complete: dict[bytes, tuple[ir.DataType, ir.Shape]] = {}
        self.unknown = self.kept = False
        """Whether the last round left something unknown, and whether the model knew more."""

    def run(self, data: bytes, *, follow_numbers: bool) -> bool:
        """Infer types and shapes of the model in ``data`` and merge them.

        ``follow_numbers`` follows the values of integers, too. Return whether that is safe.
        """
        self._symbols |= self._kept_symbols
        self.unknown = self.kept = False
        self._complete.clear()
        try:
            result = onnx.shape_inference.infer_shapes(data, data_prop=follow_numbers)
        except (onnx.shape_inference.InferenceError, RuntimeError, ValueError) as error:
            raise ModelError(f"shapes do not fit: {' '.join(str(error).split())}") from error
        proto = result if isinstance(result, onnx.ModelProto) else onnx.ModelProto()
        if isinstance(result, bytes):
            proto.ParseFromString(result)
        self._graph(self._model.graph, proto.graph)
        return _vector_elements(proto.graph) <= _MAX_VECTOR_ELEMENTS

    def _graph(self, graph: ir.Graph, proto: onnx.GraphProto) -> None:
        infos = {info.name: info.type for info in (*proto.value_info, *proto.output)}
        for node, node_proto in zip(graph, proto.node, strict=True):
            for value in node.outputs:
                if value.name:
                    self._value(value, infos)
            for attribute in node_proto.attribute:
                if attribute.type == onnx.AttributeProto.GRAPH:
                    self._graph(node.attributes[attribute.name].as_graph(), attribute.g)
                elif attribute.type == onnx.AttributeProto.GRAPHS:
                    graphs = node.attributes[attribute.name].as_graphs()
                    for each, each_proto in zip(graphs, attribute.graphs, strict=True):
                        self._graph(each, each_proto)

    def _value(self, value: ir.Value, infos: Mapping[str, onnx.TypeProto]) -> None:
        proto = infos.get(value.name or "")
        if proto is None or (tensor := types.leaf(proto)) is None:
            self._keep(value)
            return
        key = proto.SerializeToString()
        if (complete := self._complete.get(key)) is not None:
            dtype, shape = complete
            if value.type is None:
                value.type, value.shape = ir.TensorType(dtype), shape
            if value.type == ir.TensorType(dtype) and value.shape == shape:
                return
        type_ = types.from_proto(proto)
        if value.type != type_:
            if value.type is not None:
                value.shape = None
                type_.denotation = value.type.denotation
            value.type = type_
        if not tensor.HasField("shape"):
            self._keep(value)
            return
        value.shape = shape = self._shape(value.shape, tensor.shape.dim)
        if type(type_) is ir.TensorType and not (self._has_unknown(tensor) or _is_denoted(shape)):
            self._complete[key] = (type_.dtype, shape)

    def _has_unknown(self, tensor: types.Leaf) -> bool:
        return not all(
            dim.HasField("dim_value") or dim.dim_param in self._symbols for dim in tensor.shape.dim
        )

    def _keep(self, value: ir.Value) -> None:
        self.unknown = True
        self.kept = self.kept or value.type is not None
        for dim in value.shape or ():
            if isinstance(dim, ir.SymbolicDim) and dim.value is not None:
                self._kept_symbols.add(dim.value)

    def _shape(
        self, old: ir.Shape | None, inferred: Iterable[onnx.TensorShapeProto.Dimension]
    ) -> ir.Shape:
        dims = tuple(inferred)
        if old is None or len(old) != len(dims):
            return ir.Shape([self._dim(None, dim) for dim in dims], frozen=True)
        return ir.Shape(
            [self._dim(known, dim) for known, dim in zip(old, dims, strict=True)],
            denotations=[old.get_denotation(index) for index in range(len(dims))],
            frozen=True,
        )

    def _dim(
        self, old: int | ir.SymbolicDim | None, inferred: onnx.TensorShapeProto.Dimension
    ) -> int | ir.SymbolicDim | str | None:
        # onnx infers negative sizes in a branch that contradicts itself.
        if inferred.HasField("dim_value") and inferred.dim_value >= 0:
            return inferred.dim_value
        if inferred.dim_param in self._symbols:
            return inferred.dim_param
        if isinstance(old, int):
            self.kept = True
            return old
        if old is not None and old.value is not None:
            self.kept = True
            self._kept_symbols.add(old.value)
            return old
        self.unknown = True
        return None


@contextmanager
def _told_defaults(model: ir.Model) -> Iterator[None]:
    """Write out meanwhile that an STFT is onesided by default: onnx 1.23 infers as if it were not.

    https://github.com/onnx/onnx/pull/7731 corrects it.
    """
    silent = [
        node
        for node in (model.graph.all_nodes() if model.opset_imports.get("", 1) >= _STFT else ())
        if node.op_type == "STFT" and "onesided" not in node.attributes
    ]
    for node in silent:
        node.attributes.add(ir.AttrInt64("onesided", 1))
    try:
        yield
    finally:
        for node in silent:
            del node.attributes["onesided"]


def _misleads(model: ir.Model) -> bool:
    """Whether a Slice of integers has computed starts: onnx 1.23 then takes them for 0."""
    return any(
        node.op_type == "Slice" and len(node.inputs) > 1 and _slices_integers_somewhere(node)
        for node in model.graph.all_nodes()
    )


def _slices_integers_somewhere(node: ir.Node) -> bool:
    data, starts = node.inputs[0], node.inputs[1]
    if starts is None or data is None or data.dtype not in (None, *_INTEGERS):
        return False
    maker = starts.producer()
    return not starts.is_initializer() if maker is None else maker.op_type != "Constant"


def _is_denoted(shape: ir.Shape) -> bool:
    return any(map(shape.get_denotation, range(len(shape))))


def _vector_elements(graph: onnx.GraphProto) -> int:
    """Return how many elements all vectors of known length in the main graph have together."""
    total: int = sum(tensor.dims[0] for tensor in graph.initializer if len(tensor.dims) == 1)
    for info in (*graph.input, *graph.value_info, *graph.output):
        dims = info.type.tensor_type.shape.dim
        total += dims[0].dim_value if len(dims) == 1 else 0
    return total


def _left_out(tensor: ir.TensorProtocol, name: str | None) -> tuple[Piece, ...]:
    return (external_fields("weights"),)

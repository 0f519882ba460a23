"""Types and shapes of the values in a model."""

from collections.abc import Iterable, Mapping

import onnx
import onnx_ir as ir

from graphfix.errors import ModelError
from graphfix.model import types
from graphfix.model.encode import Piece, encode, external_fields
from graphfix.model.io import join, paused_gc


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
    with paused_gc():
        merge = _Merge(model)
        merge.run(described=False)
        if merge.kept and merge.unknown:
            merge.run(described=True)


class _Merge:
    """Rounds of inference; the second one builds on what the model alone knew in the first."""

    def __init__(self, model: ir.Model) -> None:
        self._model = model
        self._symbols = {
            dim.value
            for value in model.graph.inputs
            for dim in value.shape or ()
            if isinstance(dim, ir.SymbolicDim) and dim.value is not None
        }
        self.kept = self.unknown = False
        self._kept_symbols: set[str] = set()

    def run(self, *, described: bool) -> None:
        """Infer and merge."""
        self._symbols |= self._kept_symbols
        data = join(encode(self._model, _left_out, described=described))
        try:
            inferred = onnx.shape_inference.infer_shapes(data, data_prop=True)
        except (onnx.shape_inference.InferenceError, RuntimeError, ValueError) as error:
            raise ModelError(f"shapes do not fit: {' '.join(str(error).split())}") from error
        if isinstance(inferred, bytes):
            proto = onnx.ModelProto()
            proto.ParseFromString(inferred)
            inferred = proto
        self._graph(self._model.graph, inferred.graph)

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
        type_ = types.from_proto(proto)
        if value.type != type_:
            if value.type is not None:
                value.shape = None
                type_.denotation = value.type.denotation
            value.type = type_
        if not tensor.HasField("shape"):
            self._keep(value)
            return
        value.shape = self._shape(value.shape, tensor.shape.dim)

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
        if inferred.HasField("dim_value"):
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


def _left_out(tensor: ir.TensorProtocol, name: str | None) -> tuple[Piece, ...]:
    return (external_fields("weights"),)

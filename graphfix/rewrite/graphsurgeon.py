"""Passes written for onnx-graphsurgeon: the author gets a ``gs.Graph``, the framework converts."""

import sys
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import onnx
import onnx_ir as ir

from graphfix.errors import PassError
from graphfix.rewrite.base import Pass, PassContext
from graphfix.rewrite.records import PassResult, Skip, SkipRecord
from graphfix.rewrite.restore import map_tensors, restore
from graphfix.rewrite.subgraphs import subgraphs_of

_PLACE = "graphfix-stand-in"
"""Location of the external data that stands for a tensor of the model."""
_CARRIED = frozenset(
    [
        ir.AttributeType.FLOAT,
        ir.AttributeType.INT,
        ir.AttributeType.STRING,
        ir.AttributeType.TENSOR,
        ir.AttributeType.GRAPH,
        ir.AttributeType.FLOATS,
        ir.AttributeType.INTS,
        ir.AttributeType.STRINGS,
    ]
)
_MISWRITTEN = frozenset(
    ["float8_e4m3fnuz", "float8_e8m0fnu", "float4_e2m1fn", "int4", "uint4", "int2", "uint2"]
)
"""Names of the dtypes that graphsurgeon writes as another dtype, or not packed."""


@dataclass(frozen=True, kw_only=True)
class GraphSurgeonPass(Pass):
    """A pass that edits an ``onnx_graphsurgeon.Graph``.

    The author implements :meth:`surgeon`. Before it, the framework converts the model; after it,
    the framework calls ``cleanup()``, sorts the nodes, converts back, and compares: what the author
    did not touch is as it was, including everything graphsurgeon does not know (metadata, doc
    strings, quantization annotations, attributes of rare types). Weights are loaded when their
    ``values`` are read, and the author may change the array in place.
    """

    must_match: ClassVar[bool] = True

    @abstractmethod
    def surgeon(self, graph: Any) -> Skip | None:
        """Edit ``graph``, an ``onnx_graphsurgeon.Graph``, in place, or say why not."""

    def run(self, model: ir.Model, context: PassContext) -> PassResult:
        """Convert, call :meth:`surgeon`, convert back.

        Raises:
            PassError: graphsurgeon cannot carry the model, or the edited graph cannot be exported.
        """
        if self.select is not None:
            raise PassError("a graphsurgeon pass picks its nodes itself; remove select=")
        _require_carried(model)
        loader = _Loader()
        with redirect_stdout(sys.stderr):  # graphsurgeon prints its log
            graph = loader.import_model(model)
            unedited = loader.export(graph)
            answer = self.surgeon(graph)
        if isinstance(answer, Skip):
            skip = SkipRecord("", "", answer.reason)
            return PassResult(model, self.contract, skips=(skip,))
        _require_exportable(graph)
        with redirect_stdout(sys.stderr):
            _tidy(graph)
            after = loader.export(graph)
        _sort(after.graph)
        for result in (unedited, after):
            _keep_default_inputs(model, result)
        restored = restore(model, after, unedited=unedited)
        return PassResult(restored.model, self.contract, restored.rewrites)


class _Loader:
    """Moves one model into graphsurgeon and back, leaving the tensors where they are."""

    def __init__(self) -> None:
        self.tensors: list[ir.TensorProtocol] = []
        self.stand_in = True
        """Whether a weight shows a small stand-in of itself instead of its data."""
        self._outer: frozenset[str] = frozenset()

    def import_model(self, model: ir.Model) -> Any:
        import onnx_graphsurgeon as gs
        from onnx_graphsurgeon.logger import G_LOGGER

        light = model.clone()
        self._outer = frozenset(light.graph.initializers)
        scopes: list[ir.Graph | ir.Function] = [light.graph, *light.functions.values()]
        for scope in scopes:
            map_tensors(scope, self._replace)
            _drop_unknown(scope)
        with G_LOGGER.suppress(G_LOGGER.ERROR):
            graph = gs.import_onnx(ir.to_proto(light))
        weight = _lazy_type(gs.ir.tensor.LazyValues, self)
        for constant in _constants(graph, gs.Constant):
            constant._values = weight(constant._values.tensor)
            constant.data_location = None
        self.stand_in = False
        return graph

    def export(self, graph: Any) -> ir.Model:
        """The graph as a model whose untouched weights are the tensors of the model before."""
        import onnx_graphsurgeon as gs

        self.stand_in = True
        try:
            proto = gs.export_onnx(graph, do_type_check=False)
        except Exception as error:
            raise PassError(f"graphsurgeon cannot export the graph: {error}") from error
        finally:
            self.stand_in = False
        present = {tensor.name for tensor in proto.graph.initializer}
        shared = {t.name: t for t in _take_shared(proto.graph, frozenset(), self._outer)}
        proto.graph.initializer.extend(t for name, t in shared.items() if name not in present)
        model: ir.Model = ir.from_proto(proto)
        map_tensors(model.graph, self._original)
        for function in model.functions.values():
            map_tensors(function, self._original)
        return model

    def tensor(self, proto: onnx.TensorProto) -> ir.TensorProtocol:
        """The tensor that ``proto`` stands for."""
        place = {entry.key: entry.value for entry in proto.external_data}
        return self.tensors[int(place["offset"])]

    def _replace(self, tensor: ir.TensorProtocol) -> ir.TensorProtocol:
        self.tensors.append(tensor)
        shape = ir.Shape([int(size) for size in tensor.shape.numpy()])
        number = len(self.tensors) - 1
        return ir.ExternalTensor(
            _PLACE, number, 0, ir.DataType(tensor.dtype), shape=shape, name=tensor.name or ""
        )

    def _original(self, tensor: ir.TensorProtocol) -> ir.TensorProtocol:
        if isinstance(tensor, ir.ExternalTensor) and str(tensor.location) == _PLACE:
            return self.tensors[tensor.offset or 0]
        return tensor


def _lazy_type(base: type, loader: _Loader) -> Callable[[onnx.TensorProto], Any]:
    """graphsurgeon's lazy values, reading from the model instead of a protobuf."""

    class Weight(base):  # type: ignore[misc]  # graphsurgeon has no types
        def __init__(self, proto: onnx.TensorProto) -> None:
            self._proto = proto
            super().__init__(proto)

        @property
        def tensor(self) -> onnx.TensorProto:
            # graphsurgeon itself reads this to run parts of the graph (fold_constants).
            if loader.stand_in:
                return self._proto
            return ir.to_proto(loader.tensor(self._proto))

        @tensor.setter
        def tensor(self, proto: onnx.TensorProto) -> None:
            assert proto is self._proto

        def load(self) -> np.ndarray:
            array = np.array(loader.tensor(self._proto).numpy())
            _require_dtype(array.dtype, f"weight {self._proto.name!r}")
            return array

    return Weight


def _take_shared(
    graph: onnx.GraphProto,
    around: frozenset[str],
    outer: frozenset[str],
) -> list[onnx.TensorProto]:
    """Take initializers out of subgraphs that belong to a graph around them.

    graphsurgeon writes a weight into every graph that reads it. ``around`` are the initializers of
    the graphs around ``graph``; those named in ``outer`` belong to the main graph and are returned.
    """
    own = frozenset(tensor.name for tensor in graph.initializer)
    found: list[onnx.TensorProto] = []
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type != onnx.AttributeProto.GRAPH:
                continue
            inner = attribute.g
            found += _take_shared(inner, around | own, outer)
            tensors = list(inner.initializer)
            found += [t for t in tensors if t.name in outer]
            del inner.initializer[:]
            inner.initializer.extend(t for t in tensors if t.name not in around | own | outer)
    return found


def _require_carried(model: ir.Model) -> None:
    overloads = sorted({name for _, name, overload in model.functions if overload})
    if overloads:
        raise PassError(
            f"graphsurgeon mixes up overloads of functions, the model has some of "
            f"{', '.join(overloads)}"
        )


def _require_dtype(dtype: np.dtype[Any], what: str) -> None:
    if dtype.name in _MISWRITTEN or dtype.kind in "OUS":
        kind = "strings" if dtype.kind in "OUS" else dtype.name
        raise PassError(f"graphsurgeon cannot write {kind}, which the pass touched in {what}")


def _require_exportable(graph: Any) -> None:
    import onnx_graphsurgeon as gs

    for constant in _constants(graph, gs.Constant):
        if isinstance(constant._values, np.ndarray):
            _require_dtype(constant._values.dtype, f"constant {constant.name!r}")


def _tidy(graph: Any) -> None:
    try:
        graph.tensors(check_duplicates=True)
        graph.cleanup()
    except Exception as error:
        raise PassError(f"the edited graph is broken: {error}") from error


def _sort(graph: ir.Graph) -> None:
    """Sort the nodes, which keeps the order of those that need not move (``toposort`` does not)."""
    try:
        graph.sort()
    except ValueError as error:
        raise PassError(f"the edited graph is broken: {error}") from error


def _constants(graph: Any, kind: type) -> Iterator[Any]:
    """Every constant of a ``gs.Graph``: weights, attributes, in subgraphs and functions."""
    for tensor in graph.tensors().values():
        if isinstance(tensor, kind):
            yield tensor
    for node in graph.nodes:
        for item in node.attrs.values():
            if isinstance(item, kind):
                yield item
            elif hasattr(item, "nodes"):
                yield from _constants(item, kind)
    for function in getattr(graph, "functions", ()):
        if function is not graph:
            yield from _constants(function, kind)


def _drop_unknown(scope: ir.Graph | ir.Function) -> None:
    """Take out what graphsurgeon stumbles over; the comparison puts it back."""
    for node in scope:
        for name, attribute in tuple(node.attributes.items()):
            empty = not attribute.is_ref() and isinstance(attribute.value, (list, tuple))
            if attribute.type not in _CARRIED or (empty and not attribute.value):
                del node.attributes[name]
                continue
            for inner in subgraphs_of(attribute):
                _drop_unknown(inner)
        _drop_types(node.outputs)
    _drop_types(scope.inputs)


def _drop_types(values: Any) -> None:
    for value in values:
        if value.type is not None and not isinstance(value.type, ir.TensorType):
            value.type = value.shape = None


def _keep_default_inputs(before: ir.Model, after: ir.Model) -> None:
    """Put initializers back among the inputs, where graphsurgeon has taken them out."""
    present = {value.name for value in after.graph.inputs}
    for index, value in enumerate(before.graph.inputs):
        if value.name is None or value.name in present or not value.is_initializer():
            continue
        default = after.graph.initializers.get(value.name)
        if default is None:
            default = ir.Value(
                name=value.name, type=value.type, shape=value.shape, const_value=value.const_value
            )
            after.graph.register_initializer(default)
        after.graph.inputs.insert(index, default)

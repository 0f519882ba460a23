"""Is a model valid ONNX?"""

from collections.abc import Iterable, Sequence

import onnx
import onnx_ir as ir

from graphfix.errors import ModelError
from graphfix.model.encode import Piece, encode
from graphfix.model.io import join, paused_gc


def check(model: ir.Model, *, node_names: bool = True) -> None:
    """Raise ``ModelError`` when ``model`` is not valid ONNX.

    In every graph, subgraph and function: values have names and one definition, nodes come after
    what they read (in the graphs around them too), graph outputs are produced, node names are
    unique. ``node_names=False`` leaves out the last, which ONNX does not ask for but onnxruntime
    does. Then onnx's checker runs on the model without its weights.
    """
    with paused_gc():
        _Checker(node_names).graph(model.graph, model.graph, set(), set())
        for function in model.functions.values():
            _Checker(node_names).graph(function.graph, function, set(), set())
        _onnx_check(model)


class _Checker:
    def __init__(self, node_names: bool) -> None:
        self._node_names = node_names

    def graph(
        self, graph: ir.Graph, nodes: Iterable[ir.Node], visible: set[ir.Value], names: set[str]
    ) -> None:
        """Check one graph; ``visible`` and ``names`` are those of the graphs around it."""
        visible, names = set(visible), set(names)
        for value in dict.fromkeys((*graph.inputs, *graph.initializers.values())):
            _define(value, "a graph input or initializer", visible, names)
        node_names: set[str] = set()
        for node in nodes:
            if node.name and self._node_names:
                if node.name in node_names:
                    raise ModelError(
                        f"two nodes are named {node.name!r}; onnxruntime refuses that, rename one"
                    )
                node_names.add(node.name)
            for read in node.inputs:
                if read is not None and read not in visible:
                    raise ModelError(_unseen(node, read))
            for attribute in node.attributes.values():
                for subgraph in _subgraphs(attribute):
                    self.graph(subgraph, subgraph, visible, names)
            for value in node.outputs:
                if value.name == "" and not value.uses():
                    continue
                _define(value, _text(node), visible, names)
        for value in graph.outputs:
            if value not in visible:
                raise ModelError(f"graph output {value.name!r} is not produced by any node")


def _define(value: ir.Value, owner: str, visible: set[ir.Value], names: set[str]) -> None:
    if not value.name:
        raise ModelError(f"{owner} has a value without a name")
    if value.name in names:
        raise ModelError(f"{owner} defines {value.name!r} a second time")
    visible.add(value)
    names.add(value.name)


def _subgraphs(attribute: ir.Attr) -> Sequence[ir.Graph]:
    if attribute.ref_attr_name is not None:
        return ()
    if attribute.type == ir.AttributeType.GRAPH:
        return (attribute.as_graph(),)
    if attribute.type == ir.AttributeType.GRAPHS:
        return attribute.as_graphs()
    return ()


def _unseen(node: ir.Node, value: ir.Value) -> str:
    producer = value.producer()
    if producer is None:
        return f"{_text(node)} reads {value.name!r}, which nothing in the model produces"
    if producer.graph is None:
        return f"{_text(node)} reads {value.name!r} of {_text(producer)}, which was removed"
    return f"{_text(node)} reads {value.name!r} before {_text(producer)} produces it"


def _text(node: ir.Node) -> str:
    return f"{node.op_type} {node.name!r}" if node.name else f"an unnamed {node.op_type}"


def _onnx_check(model: ir.Model) -> None:
    proto = onnx.ModelProto()
    proto.ParseFromString(join(encode(model, _empty)))
    for info in (*proto.graph.input, *proto.graph.output):
        # the checker wants a shape, though everybody else takes its absence for "unknown"
        kind = info.type.WhichOneof("value")
        if kind in ("tensor_type", "sparse_tensor_type"):
            getattr(info.type, kind).shape.SetInParent()
    try:
        onnx.checker.check_model(proto)
    except onnx.checker.ValidationError as error:
        raise ModelError(" ".join(str(error).split())) from error


def _empty(tensor: ir.TensorProtocol, name: str | None) -> Sequence[Piece]:
    """Make the tensor one of size zero, which needs no data: a dimension 0 more."""
    return (b"\x08\x00",)

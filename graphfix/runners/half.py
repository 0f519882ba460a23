"""Make onnxruntime round to float16 where the model says so.

Its CPU kernels compute most float16 operators in float32, with a Cast put on either side, and of
two Casts that meet, both are dropped, whatever the optimisation level
(https://github.com/microsoft/onnxruntime/issues/8787): ``Cast(float16) -> Relu -> Cast(float32)``
returns 70000 for 70000, where float16 ends at 65504. Two Identity nodes behind every float16 result
keep the Casts apart (a single one between such operators would be moved to float32 with them).
"""

import contextlib
from collections.abc import Iterator

import onnx_ir as ir

from graphfix.errors import ModelError
from graphfix.model import infer_shapes


def with_rounding(model: ir.Model) -> ir.Model:
    """``model`` itself when nothing in it is float16, else a copy that rounds every result.

    Names of values stay what they are.
    """
    if not _has_half(model):
        return model
    copy = model.clone()
    with contextlib.suppress(ModelError):  # what has no type is left as it is
        infer_shapes(copy)
    for graph in (copy.graph, *copy.graph.subgraphs()):
        for node in tuple(graph):
            if node.op_type != "Identity":
                _separate(node, graph)
    return copy


def _separate(node: ir.Node, graph: ir.Graph) -> None:
    for value in node.outputs:
        if value.dtype != ir.DataType.FLOAT16 or not value.uses():
            continue
        readers = value.uses()
        kept = _identity(value, f"{value.name}/kept")
        rounded = _identity(kept.outputs[0], f"{value.name}/rounded")
        for reader in readers:
            reader.node.replace_input_with(reader.idx, rounded.outputs[0])
        graph.insert_after(node, [kept, rounded])


def _identity(value: ir.Value, name: str) -> ir.Node:
    node = ir.node("Identity", [value], name=name)
    output = node.outputs[0]
    output.name, output.type, output.shape = name, value.type, value.shape
    return node


def _has_half(model: ir.Model) -> bool:
    return any(value.dtype == ir.DataType.FLOAT16 for value in _declared(model)) or any(
        node.op_type == "Cast" and node.attributes["to"].value == ir.DataType.FLOAT16.value
        for node in model.graph.all_nodes()
    )


def _declared(model: ir.Model) -> Iterator[ir.Value]:
    yield from model.graph.inputs
    yield from model.graph.initializers.values()
    for node in model.graph.all_nodes():
        yield from node.outputs

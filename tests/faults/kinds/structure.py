"""Faults of a model as a whole: inputs, outputs, opset, wiring."""

import onnx_ir as ir

from graphfix.contract import Exact
from tests.faults.kind import Kinds

STRUCTURE = Kinds("the model as a whole")
fault = STRUCTURE.whole


@fault("output-lost")
def _lost(model: ir.Model) -> bool:
    outputs = model.graph.outputs
    if len(outputs) < 2:
        return False
    del outputs[-1]
    return True


@fault("outputs-swapped")
def _swapped(model: ir.Model) -> bool:
    outputs = model.graph.outputs
    if len(outputs) < 2:
        return False
    outputs[0], outputs[1] = outputs[1], outputs[0]
    return True


@fault("outputs-swapped-names-kept")
def _exchanged(model: ir.Model) -> bool:
    outputs = list(model.graph.outputs)
    for a in outputs:
        for b in outputs:
            if a is b or a.dtype != b.dtype or str(a.shape) == str(b.shape):
                continue
            if a.producer() is None or b.producer() is None:
                continue
            first, second = a.name, b.name
            a.name, b.name = "being/exchanged", first
            a.name = second
            model.graph.outputs[:] = [
                b if value is a else a if value is b else value for value in outputs
            ]
            return True
    return False


@fault("output-renamed", Exact())
def _renamed(model: ir.Model) -> bool:
    model.graph.outputs[0].name = "renamed"
    return True


@fault("output-taken-one-node-early")
def _early(model: ir.Model) -> bool:
    output = model.graph.outputs[0]
    node = output.producer()
    above = node.inputs[0] if node is not None else None
    if node is None or above is None or above.producer() is None or above.dtype != output.dtype:
        return False
    if len(node.outputs) > 1 or node.outputs[0].uses():
        return False
    name = output.name
    output.name, above.name = f"{name}/unused", name
    model.graph.outputs[0] = above
    return True


@fault("input-disconnected")
def _disconnected(model: ir.Model) -> bool:
    """Every reader of the last input reads zeros instead."""
    value = model.graph.inputs[-1]
    uses = tuple(value.uses())
    if not uses:
        return False
    same = ir.node("Sub", [value, value]) if value.dtype != ir.DataType.BOOL else None
    if same is None or value.dtype == ir.DataType.UINT8:
        return False
    same.outputs[0].name = "nothing"
    model.graph.insert_before(model.graph[0], same)
    for node, index in uses:
        node.replace_input_with(index, same.outputs[0])
    return True


@fault("input-renamed")
def _input_renamed(model: ir.Model) -> bool:
    model.graph.inputs[0].name = "other"
    return True


@fault("batch-frozen-in-the-interface")
def _frozen(model: ir.Model) -> bool:
    value = model.graph.inputs[0]
    if value.shape is None or isinstance(value.shape[0], int):
        return False
    value.shape = ir.Shape([1, *value.shape[1:]])
    return True


@fault("output-dtype")
def _dtype(model: ir.Model) -> bool:
    output = model.graph.outputs[0]
    if output.dtype != ir.DataType.FLOAT:
        return False
    cast = ir.node("Cast", [output], {"to": ir.AttrInt64("to", 10)})
    name = output.name
    output.name, cast.outputs[0].name = f"{name}/wide", name
    cast.outputs[0].type = ir.TensorType(ir.DataType.FLOAT16)
    cast.outputs[0].shape = output.shape
    model.graph.append(cast)
    model.graph.outputs[0] = cast.outputs[0]
    return True


@fault("value-without-producer")
def _dangling(model: ir.Model) -> bool:
    node = next(node for node in reversed(model.graph) if node.inputs)
    node.replace_input_with(0, ir.Value(name="nobody/makes/this"))
    return True


@fault("nodes-out-of-order")
def _order(model: ir.Model) -> bool:
    graph = model.graph
    for node in graph:
        readers = [use.node for use in node.outputs[0].uses()]
        if len(readers) == 1 and readers[0].graph is graph:
            graph.remove(node)
            graph.insert_after(readers[0], node)
            return True
    return False


@fault("opset-raised-by-relabelling")
def _raised(model: ir.Model) -> bool:
    if model.opset_imports[""] >= 13:
        return False
    model.opset_imports[""] = 13
    return True


@fault("opset-lowered-by-relabelling")
def _lowered(model: ir.Model) -> bool:
    if model.opset_imports[""] <= 12:
        return False
    model.opset_imports[""] = 12
    return True


@fault("unknown-attribute")
def _attribute(model: ir.Model) -> bool:
    node = model.graph[len(model.graph) // 2]
    node.attributes["no_such_attribute"] = ir.AttrInt64("no_such_attribute", 1)
    return True


@fault("same-name-twice")
def _twice(model: ir.Model) -> bool:
    graph = model.graph
    first, last = graph[0].outputs[0], graph[len(graph) // 2].outputs[0]
    if first is last or last.is_graph_output():
        return False
    last.name = first.name
    return True

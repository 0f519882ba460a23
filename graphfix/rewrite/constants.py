"""Which values are constants: what a pass may read at rewrite time."""

import numpy as np
import onnx_ir as ir

_REPEATING = frozenset({"Constant", "Identity"})


def constant_array(value: ir.Value | None) -> np.ndarray | None:
    """The array that ``value`` has in every run, or ``None``.

    Constants are initializers, Constant nodes, and Identity nodes over them. An initializer that is
    also a graph input is a default the caller may replace, so it is not a constant.
    """
    tensor = constant_tensor(value)
    if tensor is None or tensor.dtype == ir.DataType.STRING:
        return None
    array: np.ndarray = tensor.numpy()
    return array


def constant_tensor(value: ir.Value | None) -> ir.TensorProtocol | None:
    """Like :func:`constant_array`, without reading the data."""
    while value is not None:
        producer = value.producer()
        if producer is None:
            return (
                value.const_value if value.is_initializer() and not value.is_graph_input() else None
            )
        op_type = producer.op_type
        if op_type not in _REPEATING or producer.domain not in ("", "ai.onnx"):
            return None  # as for almost all values
        if op_type == "Constant":
            return _constant_node(producer)
        value = producer.inputs[0] if producer.inputs else None
    return None


def _constant_node(node: ir.Node) -> ir.TensorProtocol | None:
    names = ("value", "value_float", "value_floats", "value_int", "value_ints")
    attribute = next((node.attributes[name] for name in names if name in node.attributes), None)
    if attribute is None or attribute.is_ref():
        return None
    kind, data = attribute.type, attribute.value
    if kind == ir.AttributeType.TENSOR:
        return attribute.as_tensor()
    if kind in (ir.AttributeType.FLOAT, ir.AttributeType.FLOATS):
        return ir.tensor(np.asarray(data, np.float32))
    if kind in (ir.AttributeType.INT, ir.AttributeType.INTS):
        return ir.tensor(np.asarray(data, np.int64))
    return None

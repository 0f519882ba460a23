"""Weights for models written as ONNX text: seeded, and calibrated so that faults show.

An untrained network hides faults: activations shrink layer by layer, biases are zero, BatchNorm
does nothing. Here every weight is scaled until its layer puts out numbers of size 1, and BatchNorm
holds the statistics of what flows into it.
"""

import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

Arrays = Mapping[str, np.ndarray]

_LAYERS = ("Conv", "ConvTranspose", "Gemm", "MatMul")


def fill(model: onnx.ModelProto, feeds: Arrays) -> onnx.ModelProto:
    """Give every declared value that no node makes an array, and calibrate the layers on ``feeds``.

    The ending of a name says what the array is: ``_var`` positive variances, ``_g`` gains around 1,
    ``_i8`` whole numbers of that dtype, ``_s`` small positive scales; others are N(0, 1/fan).
    """
    made = {name for node in model.graph.node for name in node.output}
    known = {item.name for item in model.graph.initializer}
    for info in tuple(model.graph.value_info):
        if info.name in made or info.name in known:
            continue
        model.graph.initializer.append(_weight(info))
        model.graph.value_info.remove(info)
    _calibrate(model, feeds)
    read = {name for graph in _graphs(model.graph) for node in graph.node for name in node.input}
    for item in tuple(model.graph.initializer):
        if item.name not in read:
            model.graph.initializer.remove(item)
    onnx.checker.check_model(model, full_check=True)
    return model


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _graphs(attribute.g)


def _weight(info: onnx.ValueInfoProto) -> onnx.TensorProto:
    kind = info.type.tensor_type
    shape = [dim.dim_value for dim in kind.shape.dim]
    rng = np.random.default_rng(zlib.crc32(info.name.encode()))
    dtype = helper.tensor_dtype_to_np_dtype(kind.elem_type)
    array: np.ndarray[Any, Any]
    if dtype.kind in "iu":
        low, high = (-100, 100) if info.name.endswith("_i8") else (-3, 4)
        array = rng.integers(low, high, shape)
    elif info.name.endswith("_var"):
        array = rng.uniform(0.4, 2.0, shape)
    elif info.name.endswith("_g"):
        array = rng.uniform(0.6, 1.5, shape)
    elif info.name.endswith("_s"):
        array = rng.uniform(0.01, 0.03, shape)
    else:
        array = rng.standard_normal(shape) * (0.4 if len(shape) < 2 else 1.0)
        if len(shape) > 1:
            array /= np.sqrt(np.prod(shape[1:]))
    return numpy_helper.from_array(np.asarray(array).astype(dtype), info.name)


def _calibrate(model: onnx.ModelProto, feeds: Arrays) -> None:
    weights = {item.name: item for item in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type in _LAYERS and len(node.input) > 1 and node.input[1] in weights:
            spread = float(np.std(_value(model, node.output[0], feeds)))
            _set(weights[node.input[1]], _get(weights[node.input[1]]) / max(spread, 1e-3))
        if node.op_type == "BatchNormalization":
            data = _value(model, node.input[0], feeds)
            axes = tuple(axis for axis in range(data.ndim) if axis != 1)
            _set(weights[node.input[3]], data.mean(axes))
            _set(weights[node.input[4]], data.var(axes) + 0.01)


def _value(model: onnx.ModelProto, name: str, feeds: Arrays) -> np.ndarray:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    copy.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        copy.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    (value,) = session.run([name], dict(feeds))
    return np.asarray(value)


def _get(tensor: onnx.TensorProto) -> np.ndarray:
    return numpy_helper.to_array(tensor)


def _set(tensor: onnx.TensorProto, array: np.ndarray) -> None:
    kept = _get(tensor)
    tensor.CopyFrom(numpy_helper.from_array(array.astype(kept.dtype), tensor.name))

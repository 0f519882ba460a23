"""Types and shapes of the values in a model."""

import onnx
import onnx_ir as ir

from graphfix.errors import ModelError
from graphfix.model.io import to_proto


def infer_shapes(model: ir.Model) -> None:
    """Fill in the types and shapes of the values of ``model``, in place."""
    try:
        inferred = onnx.shape_inference.infer_shapes(
            to_proto(model, weights=False), data_prop=True
        )
    except onnx.shape_inference.InferenceError as error:
        raise ModelError(str(error)) from error
    infos = {info.name: info for info in (*inferred.graph.value_info, *inferred.graph.output)}
    for node in model.graph:
        for value in node.outputs:
            if (info := infos.get(value.name or "")) is not None and info.HasField("type"):
                value.type = ir.serde.deserialize_type_proto_for_type(info.type)
                value.shape = ir.serde.deserialize_type_proto_for_shape(info.type)

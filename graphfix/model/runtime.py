"""What onnxruntime gets of a model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir

from graphfix.model.io import to_proto


@dataclass(frozen=True)
class RuntimeModel:
    """A model without its large weights, and these weights."""

    proto: bytes
    """A serialised ``ModelProto``; tensors named in ``weights`` have no data in it."""
    weights: Mapping[str, np.ndarray[Any, Any]]
    """Initializer name to array (a view of the file where possible)."""


def for_runtime(model: ir.Model, *, outputs: Sequence[str] | None = None) -> RuntimeModel:
    """Return ``model`` for onnxruntime, with the values named in ``outputs`` as extra outputs."""
    proto = to_proto(model, weights=True)
    known = {info.name for info in proto.graph.output}
    for name in dict.fromkeys(outputs or ()):
        if name not in known:
            proto.graph.output.append(onnx.ValueInfoProto(name=name))
    return RuntimeModel(proto.SerializeToString(), {})

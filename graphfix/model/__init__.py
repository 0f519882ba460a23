"""Models on disk and in memory: read, write, compare, check.

The one in-memory form is :class:`onnx_ir.Model`. Weights stay references into the file they came
from until somebody asks for their numbers.
"""

from graphfix.model.check import check
from graphfix.model.diff import ModelDiff, diff
from graphfix.model.digest import digest
from graphfix.model.io import from_bytes, from_text, load, paused_gc, save, to_proto, to_text
from graphfix.model.runtime import RuntimeModel, for_runtime
from graphfix.model.shapes import infer_shapes
from graphfix.model.tensors import SparseTensor

__all__ = [
    "ModelDiff",
    "RuntimeModel",
    "SparseTensor",
    "check",
    "diff",
    "digest",
    "for_runtime",
    "from_bytes",
    "from_text",
    "infer_shapes",
    "load",
    "paused_gc",
    "save",
    "to_proto",
    "to_text",
]

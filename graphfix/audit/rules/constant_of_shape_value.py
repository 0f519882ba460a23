"""GF303: how the value of a ConstantOfShape is stored."""

from collections.abc import Iterator
from typing import Final

import onnx_ir as ir

from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity

_READ: Final = (ir.DataType.INT64, ir.DataType.INT32, ir.DataType.FLOAT, ir.DataType.DOUBLE)
"""Types whose field ATC's plugin reads (``ParseTensorValue``)."""


class ConstantOfShapeValue(NodeRule):
    """``value`` of a ConstantOfShape is stored in a field that ATC does not read.

    A tensor is stored as bytes (``raw_data``) or in a field of its type. Of the latter ATC reads
    those of int64, int32, float and double; with any other type it goes on without data. PyTorch
    and ``onnx.numpy_helper`` write bytes; ``onnx.helper.make_tensor`` writes the fields. ``lower``,
    and ``apply`` for a target, write bytes.
    """

    id = "GF303"
    title = "stored form of ConstantOfShape's value"
    severity = Severity.WRONG
    citation = "hicann/ops-nn: constantofshape_onnx_plugin.cpp, ParseTensorValue"
    covers = ("ConstantOfShape/1",)
    op_types = ("ConstantOfShape",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """Tensors as they are in the file."""
        attribute = node.attributes.get("value")
        tensor = attribute.value if attribute is not None else None
        if not isinstance(tensor, ir.TensorProtoTensor) or tensor.dtype in _READ:
            return
        if not tensor.raw.HasField("raw_data"):
            folds = view.constant(view.input(node, 0)) is not None
            yield self.finding(
                f"has a value of {tensor.dtype.name.lower()} that is not stored as raw data, "
                "which ATC does not read",
                view.label(node),
                remedy="fold-constants" if folds else None,
                advice="" if folds else "apply --target and lower store it so",
            )

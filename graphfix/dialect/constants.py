"""How the numbers of nodes are stored.

- Constant: ATC reads only the attribute ``value``; another one leaves an empty tensor unsaid
  (hicann/ge: parser/parser/onnx/onnx_constant_parser.cc).
- ConstantOfShape: of a ``value`` that is not stored as raw data ATC reads the fields of four types;
  of the others it goes on without data (hicann/ops-nn: constantofshape_onnx_plugin.cpp,
  ParseTensorValue).
"""

from typing import Final

import numpy as np
import onnx_ir as ir

from graphfix.dialect.scope import Scope
from graphfix.rewrite import constant_tensor

_READ: Final = (ir.DataType.INT64, ir.DataType.INT32, ir.DataType.FLOAT, ir.DataType.DOUBLE)
"""Types whose fields are read for a ConstantOfShape."""


def lower(node: ir.Node, scope: Scope) -> None:
    """Write ``value``."""
    if "value" in node.attributes or not node.attributes:
        return
    tensor: ir.TensorProtocol | None
    attribute = next(iter(node.attributes.values()))
    if attribute.name == "value_string":
        tensor = ir.StringTensor(np.array(attribute.as_string().encode(), object))
    elif attribute.name == "value_strings":
        texts = [text.encode() for text in attribute.as_strings()]
        tensor = ir.StringTensor(np.array(texts, object))
    else:
        tensor = constant_tensor(node.outputs[0])
    if tensor is None:
        scope.journal.refuse(node, f"ATC does not read {attribute.name}; make it an initializer")
        return
    node.attributes.clear()
    node.attributes.add(ir.AttrTensor("value", tensor))
    scope.journal.changed(node, f"{attribute.name} written as value, the only one ATC reads")


def lower_fill(node: ir.Node, scope: Scope) -> None:
    """Store the ``value`` of a ConstantOfShape as raw data."""
    attribute = node.attributes.get("value")
    tensor = attribute.value if attribute is not None else None
    if not isinstance(tensor, ir.TensorProtoTensor) or tensor.dtype in _READ:
        return
    if not tensor.raw.HasField("raw_data"):
        raw = ir.Tensor(tensor.numpy(), dtype=tensor.dtype, name=tensor.name)
        node.attributes.add(ir.AttrTensor("value", raw))
        scope.journal.changed(node, "value stored as raw data, which ATC reads for every type")

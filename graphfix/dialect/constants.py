"""Constant: ATC reads only the attribute ``value``; another one leaves an empty tensor unsaid.

Source: hicann/ge: parser/parser/onnx/onnx_constant_parser.cc.
"""

import numpy as np
import onnx_ir as ir

from graphfix.dialect.scope import Scope
from graphfix.rewrite import constant_tensor


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

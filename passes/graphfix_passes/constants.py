"""The ``constants`` pass: Constant nodes to initializers."""

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from graphfix.contract import Exact
from graphfix.rewrite import RewritePass, Rewriter, Skip


@dataclass(frozen=True, kw_only=True)
class Constants(RewritePass):
    """Replace Constant nodes, in all their forms, by initializers.

    Why
        ATC reads only the attribute ``value`` of a Constant; one given by ``value_float``,
        ``value_ints`` and the like becomes an empty tensor without a message. Initializers are
        read in every case.

    Rewrites
        1. A Constant becomes an initializer; ``value_float(s)`` are float32 and ``value_int(s)``
           int64, as ONNX says, ``value_string(s)`` strings, and a sparse tensor becomes dense.
        2. Where there must be a node (in a function, and for a graph output) it stays a Constant
           and gets the attribute ``value``.

    Leaves alone
        A Constant that is a parameter of its function. A Constant with ``value`` whose output is a
        graph output, or that is in a function.
    """

    name = "constants"
    match_ops = ("Constant",)
    contract = Exact()
    must_match = False

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip:
        """Put the numbers of one Constant into an initializer."""
        if any(attribute.is_ref() for attribute in node.attributes.values()):
            return rw.skip("its value is a parameter of its function")
        tensor = _tensor(node)
        if not (rw.in_function or node.outputs[0].is_graph_output()):
            return rw.tensor(tensor)
        if "value" not in node.attributes:
            (value,) = rw.restate(node, drop=tuple(node.attributes), value=tensor)
            return value
        where = (
            "a function has no initializers" if rw.in_function else "its output is a graph output"
        )
        return rw.satisfied(f"{where}, and it has the attribute value")


def _tensor(node: ir.Node) -> ir.TensorProtocol:
    """The numbers of a Constant.

    Raises:
        ModelError: a sparse tensor is too large to be dense.
    """
    (attribute,) = node.attributes.values()
    match attribute.type:
        case ir.AttributeType.TENSOR:
            return attribute.as_tensor()
        case ir.AttributeType.SPARSE_TENSOR:
            return ir.tensor(attribute.value.numpy())
        case ir.AttributeType.FLOAT | ir.AttributeType.FLOATS:
            return ir.tensor(np.asarray(attribute.value, np.float32))
        case ir.AttributeType.INT | ir.AttributeType.INTS:
            return ir.tensor(np.asarray(attribute.value, np.int64))
    texts = [attribute.value] if isinstance(attribute.value, str) else attribute.as_strings()
    shape = [] if isinstance(attribute.value, str) else [len(texts)]
    return ir.StringTensor([text.encode() for text in texts], shape=ir.Shape(shape))

"""The adapters of the way down; the other modules of this package fill it."""

import numpy as np
import onnx_ir as ir

from graphfix.rewrite import Rewriter
from graphfix.rewrite.opsets import Adapters

DOWN = Adapters()


def given(node: ir.Node, index: int = 0) -> ir.Value:
    """An input that the operator requires."""
    value = node.inputs[index]
    assert value is not None
    return value


def used(value: ir.Value) -> bool:
    """Whether anything reads an output."""
    return bool(value.uses()) or value.is_graph_output()


def number(value: float, like: ir.DataType, rw: Rewriter) -> ir.Value:
    """A scalar constant of a given element type."""
    return rw.const(np.asarray(value).astype(like.numpy()))

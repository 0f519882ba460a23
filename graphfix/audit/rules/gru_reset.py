"""GF255: GRU with the reset gate before the product."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.reading import integer, steps
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity


class GruReset(NodeRule):
    """A GRU with ``linear_before_reset=0``, ONNX's default, is computed as if it said 1.

    ATC does not read the attribute; its DynamicGRUV2 applies the reset gate after the matrix
    product (reset_after, on by default). PyTorch's GRU is of that kind and exports 1; Keras has
    both (``reset_after=False`` is the other). ``gru-reset`` unrolls the cell into MatMul, Sigmoid
    and Tanh where the number of steps is fixed.
    """

    id = "GF255"
    title = "GRU with linear_before_reset=0"
    severity = Severity.WRONG
    citation = "hicann/ops-nn: gru_onnx_plugin.cpp; canndev 2022-06-30: op_proto/inc/rnn.h"
    covers = ("GRU/1",)
    op_types = ("GRU",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """The attribute is 0 or not there."""
        if not integer(node, "linear_before_reset", 0):
            fixed = steps(node, view)
            yield self.finding(
                "has linear_before_reset=0, and ATC computes it as 1",
                view.label(node),
                remedy="gru-reset" if fixed else None,
                advice=""
                if fixed
                else "fix its number of steps with dynamic-shape, then gru-reset",
            )

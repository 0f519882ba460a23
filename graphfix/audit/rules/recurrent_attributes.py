"""GF250: attributes of LSTM and GRU that ATC does not read."""

from collections.abc import Iterator
from typing import Final

import onnx_ir as ir

from graphfix.audit.reading import integer, real, steps, text, texts
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity

_USUAL: Final = {"LSTM": ("sigmoid", "tanh", "tanh"), "GRU": ("sigmoid", "tanh")}


class RecurrentAttributes(NodeRule):
    """Of an LSTM ATC reads the direction only, of a GRU the direction and hidden_size.

    Other activations than the usual ones, ``clip``, ``input_forget`` and ``layout`` are left out
    without a message. ``opset{to=13}`` puts Transposes around a node with layout=1. For the others
    ``rnn-unroll`` unrolls the cell into MatMul and activations where the number of steps is fixed.
    """

    id = "GF250"
    title = "attributes of LSTM and GRU that are not read"
    severity = Severity.WRONG
    citation = "hicann/ops-nn: lstm_onnx_plugin.cpp, gru_onnx_plugin.cpp"
    covers = ("LSTM/1", "GRU/1")
    op_types = ("LSTM", "GRU")

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """An attribute that changes the result is there."""
        lost = []
        activations = texts(node, "activations")
        directions = 2 if text(node, "direction", "forward") == "bidirectional" else 1
        usual = _USUAL[node.op_type] * directions
        if activations is not None and tuple(a.lower() for a in activations) != usual:
            lost.append(f"activations={','.join(activations)}")
        if "clip" in node.attributes:
            lost.append(f"clip={real(node, 'clip', 0.0):g}")
        if integer(node, "input_forget", 0):
            lost.append("input_forget=1")
        if lost:
            fixed = steps(node, view)
            yield self.finding(
                f"has {' and '.join(lost)}, which ATC does not read",
                view.label(node),
                remedy="rnn-unroll" if fixed else None,
                advice=""
                if fixed
                else "fix its number of steps with dynamic-shape, then rnn-unroll",
            )
        if integer(node, "layout", 0):
            yield self.finding(
                "has layout=1, which ATC does not read",
                view.label(node),
                remedy="opset{to=13}",
            )

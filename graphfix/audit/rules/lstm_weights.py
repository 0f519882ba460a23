"""GF251: LSTM with computed weights."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.reading import computed, foldable
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.target import Evidence


class LstmWeights(NodeRule):
    """W, R and B of an LSTM must be constants.

    ATC reads their numbers while it converts, to put the gates into another order, and fails
    without. Initial states may be computed. Weights that the graph puts together from constants
    (paddle2onnx and PyTorch export Slice, Concat and Unsqueeze) are no constants yet: ATC may or
    may not have folded them by then, and ``fold-constants`` does it beforehand, or ``sim`` where
    they depend on shapes, too.
    """

    id = "GF251"
    title = "LSTM with computed weights"
    severity = Severity.ERROR
    citation = "canndev 2022-06-30: common_lstm_fusion_pass.cc, ProcessLSTMWxh, ProcessLSTMBias"
    covers = ("LSTM/2",)
    op_types = ("LSTM",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """One of the three is no constant."""
        given = [(name, view.input(node, i)) for i, name in enumerate("WRB", start=1)]
        found = [(name, value) for name, value in given if value is not None and computed(value)]
        names = " and ".join(name for name, _ in found)
        if found and all(foldable(value) for _, value in found):
            plain = all(value.producer() in view.foldable for _, value in found)
            yield self.finding(
                f"has {names} put together in the graph, and ATC wants constants",
                view.label(node),
                remedy="fold-constants" if plain else "sim",
                severity=Severity.INFO,
                evidence=Evidence.INFERENCE,
            )
        elif found:
            yield self.finding(
                f"has computed {names}, which ATC reads while it converts",
                view.label(node),
                advice="make the weights initializers",
            )

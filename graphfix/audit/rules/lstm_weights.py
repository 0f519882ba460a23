"""GF251: LSTM with computed weights."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.reading import computed
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity


class LstmWeights(NodeRule):
    """W, R and B of an LSTM must be constants.

    ATC reads their numbers while it converts, to put the gates into another order. Initial states
    may be computed. Weights that are rearranged in the graph (Slice and Concat after an export from
    PyTorch) become constants with ``sim``.
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
        if found:
            made = any(value.producer() is not None for _, value in found)
            yield self.finding(
                f"has computed {' and '.join(name for name, _ in found)}, which ATC reads while it "
                "converts",
                view.label(node),
                remedy="sim" if made else None,
                advice="" if made else "make the weights initializers",
            )

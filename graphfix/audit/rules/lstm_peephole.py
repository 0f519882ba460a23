"""GF252: LSTM with peepholes or lengths."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.reading import constant_ints, steps
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.target import Evidence


class LstmPeephole(NodeRule):
    """ATC leaves the peephole weights P of an LSTM out, and its lengths are another operator's.

    P that is zero changes nothing (old exporters of Keras write it); with another P ``rnn-unroll``
    unrolls the cell where the number of steps is fixed. ``sequence_lens`` is handed to
    DynamicRNN as seq_length; whether that stops each sequence where ONNX does was not seen in any
    source, so compare with sequences shorter than the longest, or convert for one length.
    """

    id = "GF252"
    title = "LSTM with peepholes or lengths"
    severity = Severity.WRONG
    evidence = Evidence.INFERENCE
    citation = "canndev 2022-06-30: common_lstm_fusion_pass.cc"
    covers = ("LSTM/2",)
    op_types = ("LSTM",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """The inputs are there, and do something."""
        weights = view.input(node, 7)
        known = view.constant(weights)
        if weights is not None and (known is None or known.any()):
            fixed = steps(node, view)
            yield self.finding(
                f"has peephole weights ({weights.name}), which ATC leaves out",
                view.label(node),
                remedy="rnn-unroll" if fixed else None,
                advice=""
                if fixed
                else "fix its number of steps with dynamic-shape, then rnn-unroll",
            )
        lengths = view.input(node, 4)
        shape = view.shape(view.input(node, 0)) or (None,)
        given = constant_ints(lengths, view)
        if lengths is not None and (given is None or set(given) != {shape[0]}):
            yield self.finding(
                f"has sequence_lens ({lengths.name}), which become seq_length of DynamicRNN",
                view.label(node),
                advice="compare sequences shorter than the longest on the device",
                severity=Severity.INFO,
            )

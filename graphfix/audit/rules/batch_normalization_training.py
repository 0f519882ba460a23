"""GF327: BatchNormalization that trains."""

from collections.abc import Iterator
from typing import Final

import onnx_ir as ir

from graphfix.audit.reading import integer
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity

_HAS_TRAINING_MODE: Final = 14


class BatchNormalizationTraining(NodeRule):
    """A BatchNormalization is exported in training mode.

    It then normalizes by the mean and the variance of the batch and updates the running ones. ATC
    reads no ``momentum``, so what it gives for the running ones is something else, and where it
    does not read ``training_mode`` either (CANN 5.1 and 6.0) it normalizes by the stored ones.
    Export the model in inference mode (``model.eval()``).
    """

    id = "GF327"
    title = "BatchNormalization in training mode"
    severity = Severity.WRONG
    citation = "hicann/ops-nn: batch_normalization_onnx_plugin.cpp"
    covers = ("BatchNormalization/1",)
    op_types = ("BatchNormalization",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """By the attribute; before opset 14 by the outputs that are read."""
        read = any(output.uses() or output.is_graph_output() for output in node.outputs[1:])
        mode = integer(node, "training_mode", 0)
        if read if view.opset < _HAS_TRAINING_MODE else mode == 1:
            yield self.finding(
                "is in training mode, and ATC does not update the running statistics",
                view.label(node),
                advice="export the model in inference mode",
            )

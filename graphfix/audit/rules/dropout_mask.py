"""GF350: Dropout whose mask is read."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.target import Evidence


class DropoutMask(NodeRule):
    """Something reads the mask of a Dropout.

    ATC's Dropout has one output, so there is nothing to link the reader to. A Dropout does nothing
    when a model runs, and its mask is all true: remove both.
    """

    id = "GF350"
    title = "mask of Dropout"
    severity = Severity.ERROR
    evidence = Evidence.INFERENCE
    citation = "hicann/ge: the operator Dropout has one output"
    covers = ("Dropout/1",)
    op_types = ("Dropout",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """The second output has readers."""
        mask = node.outputs[1] if len(node.outputs) > 1 else None
        if mask is not None and (mask.uses() or mask.is_graph_output()):
            yield self.finding(
                f"gives its mask ({mask.name}), which ATC does not have",
                view.label(node),
                advice="export the model in inference mode, or use a constant of true",
            )

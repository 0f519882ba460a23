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
    when a model runs, and its mask is all true: ``no-op`` makes a constant of it, from opset 12 on.
    Before, ONNX does not say what is in the mask.
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
            training = view.input(node, 2)
            known = view.opset >= 12 and (training is None or _is_false(training, view))
            yield self.finding(
                f"gives its mask ({mask.name}), which ATC does not have",
                view.label(node),
                remedy="no-op" if known else None,
                advice="" if known else "export the model in inference mode, without the mask",
            )


def _is_false(value: ir.Value, view: View) -> bool:
    array = view.constant(value)
    return array is not None and not array.any()

"""GF240: NonMaxSuppression with a wrong number of inputs."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity


class NmsInputs(NodeRule):
    """ATC counts the inputs of a NonMaxSuppression, and takes a skipped one for a given one.

    Two to five are taken, and each of them is connected. An empty name in the place of a limit or
    a threshold has nothing to connect. Leave out what is not wanted at the end, and write ONNX's
    default in between: 0 for the thresholds.
    """

    id = "GF240"
    title = "skipped inputs of NonMaxSuppression"
    severity = Severity.ERROR
    citation = "hicann/ops-cv: non_max_suppression_onnx_plugin.cpp, ParseOpToGraphNonMaxSuppression"
    covers = ("NonMaxSuppression/1",)
    op_types = ("NonMaxSuppression",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """How many there are, and whether each of them is given."""
        count = len(node.inputs)
        skipped = [i for i, value in enumerate(node.inputs) if value is None]
        if not 2 <= count <= 5:
            yield self.finding(f"has {count} inputs, and ATC takes 2 to 5", view.label(node))
        elif skipped:
            yield self.finding(
                f"skips input {' and '.join(map(str, skipped))}, which ATC connects all the same",
                view.label(node),
                advice="give the limit and both thresholds as constants",
            )

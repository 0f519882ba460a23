"""GF240: NonMaxSuppression with a wrong number of inputs."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity


class NmsInputs(NodeRule):
    """ATC counts the inputs of a NonMaxSuppression, and takes a skipped one for a given one.

    Two to five are taken, and each of them is connected. An empty name in the place of a limit or
    a threshold has nothing to connect. ``explicit-attrs`` leaves out what is empty at the end, and
    writes ONNX's default in between, 0 for the threshold of overlap. The default of the limit is 0,
    too, which selects no box at all: that is for you to change.
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
            last = max((i for i, value in enumerate(node.inputs) if value is not None), default=0)
            fits = all(i > 2 or i > last for i in skipped)
            yield self.finding(
                f"skips input {' and '.join(map(str, skipped))}, which ATC connects all the same",
                view.label(node),
                remedy="explicit-attrs" if fits else None,
                advice="" if fits else "give the limit and both thresholds as constants",
            )

"""GF317: MaxPool with dilations."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.audit.windows import window
from graphfix.finding import Finding, Severity


class MaxPoolDilations(NodeRule):
    """A MaxPool over one or two dims has dilations.

    ATC maps it to MaxPoolV3, which has none: neighbours are compared in place of elements that are
    apart, and the output is larger. ``pool-dilation`` slices the elements out, then takes their
    Max. MaxPool3D, for three dims, has dilations.
    """

    id = "GF317"
    title = "dilations of MaxPool"
    severity = Severity.WRONG
    citation = "hicann/ops-nn: max_pool_onnx_plugin.cpp"
    covers = ("MaxPool/3",)
    op_types = ("MaxPool",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """A dilation other than 1, unless that axis has one element in the window."""
        found = window(node, view)
        if found is None or len(found.kernel) > 2:
            return
        pairs = zip(found.kernel, found.dilations, strict=True)
        if any(kernel > 1 and dilation > 1 for kernel, dilation in pairs):
            yield self.finding(
                f"has dilations {list(found.dilations)}, which ATC ignores",
                view.label(node),
                remedy="pool-dilation",
            )

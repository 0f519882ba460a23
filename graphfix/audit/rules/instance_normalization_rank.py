"""GF328: InstanceNormalization over one dim."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.target import Evidence


class InstanceNormalizationRank(NodeRule):
    """The input of an InstanceNormalization has three dims.

    ATC's plugin says NCHW for every rank, and an input of shape [N, C, L] has no W. Nobody has seen
    what the kernel makes of it. Compare the node's output, or let ``instancenorm{mode=lift}`` put
    an Unsqueeze in front and a Squeeze behind it.
    """

    id = "GF328"
    title = "InstanceNormalization of three dims"
    severity = Severity.INFO
    evidence = Evidence.INFERENCE
    citation = "hicann/ops-nn: instancenormalization_onnx_plugin.cpp"
    covers = ("InstanceNormalization/1",)
    op_types = ("InstanceNormalization",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """The rank is 3."""
        shape = view.shape(view.input(node, 0))
        if shape is not None and len(shape) == 3:
            yield self.finding(
                "has an input of 3 dims, which ATC calls NCHW",
                view.label(node),
                remedy="instancenorm{mode=lift}",
            )

"""GF304: Conv that does not say how many spatial dims it has."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity


class ConvKernelShape(NodeRule):
    """A Conv with none of ``kernel_shape``, ``pads``, ``strides`` and ``dilations``.

    All four may be left out in ONNX. ATC's plugin tells a convolution over one, two or three dims
    apart by their lengths, not by the weight, and fails without any. ``conv-attrs`` writes them.
    """

    id = "GF304"
    title = "Conv without kernel_shape"
    severity = Severity.ERROR
    citation = "hicann/ops-nn: conv_onnx_plugin.cpp"
    covers = ("Conv/1",)
    op_types = ("Conv",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """None of the four is there."""
        if not {"kernel_shape", "pads", "strides", "dilations"} & set(node.attributes):
            yield self.finding(
                "has none of kernel_shape, pads, strides and dilations; ATC needs one",
                view.label(node),
                remedy="conv-attrs",
            )

"""GF331: DeformableConv2D with too many numbers."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.reading import ints
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import DEFAULT_DOMAIN, View
from graphfix.finding import Finding, Severity


class DeformableConvLengths(NodeRule):
    """``strides``, ``pads`` or ``dilations`` of a DeformableConv2D are not one or two numbers.

    ATC's plugin takes one for both axes, or height and width, and fails otherwise. Four ``pads``,
    as other convolutions have them, are too many even when both sides are the same; of a call in
    the domain ``ascend``, lowering writes two.
    """

    id = "GF331"
    title = "lengths of DeformableConv2D's attributes"
    severity = Severity.ERROR
    citation = "hicann/ops-nn: deformable_conv2d_onnx_plugin.cpp"
    covers = ("DeformableConv2D/1",)
    op_types = ("DeformableConv2D",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """Attribute by attribute."""
        for name in ("strides", "pads", "dilations"):
            values = ints(node, name)
            if values is None or len(values) in (1, 2):
                continue
            half = len(values) // 2
            same = name == "pads" and len(values) == 4 and values[:half] == values[half:]
            if same and node.domain not in DEFAULT_DOMAIN:
                continue
            yield self.finding(
                f"has {len(values)} numbers in {name}; ATC takes one or two",
                view.label(node),
                advice=f"write pads as {list(values[:half])}"
                if same
                else "write one number, or height and width; pad in front of it what differs",
            )

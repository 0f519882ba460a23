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
        given = {name: ints(node, name) for name in ("strides", "pads", "dilations")}
        wrong = {name: v for name, v in given.items() if v is not None and len(v) not in (1, 2)}
        for name, values in wrong.items():
            half = len(values) // 2
            four = name == "pads" and len(values) == 4
            same = four and values[:half] == values[half:]
            if same and node.domain not in DEFAULT_DOMAIN:
                continue
            yield self.finding(
                f"has {len(values)} numbers in {name}; ATC takes one or two",
                view.label(node),
                remedy="deform-conv" if four and len(wrong) == 1 else None,
                advice=f"write pads as {list(values[:half])}"
                if same
                else "write one number, or height and width; pad in front of it what differs",
            )

"""GF332: DeformableConv2D that relies on defaults."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.reading import text
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity


class DeformableConvDefaults(NodeRule):
    """A DeformableConv2D leaves out attributes for which ATC has surprising defaults.

    Without ``data_format`` it is NHWC, although the tensors are declared NCHW; without ``groups``
    there are 0; without ``strides`` and ``pads`` the plugin logs an error and goes on. Write all of
    them, and ``deformable_groups``.
    """

    id = "GF332"
    title = "defaults of DeformableConv2D"
    severity = Severity.WRONG
    citation = "hicann/ops-nn: deformable_conv2d_onnx_plugin.cpp"
    covers = ("DeformableConv2D/1",)
    op_types = ("DeformableConv2D",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """All that is left out in one finding."""
        missing = [name for name in ("strides", "pads", "groups") if name not in node.attributes]
        layout = text(node, "data_format", "")
        said = [f"no {name}" for name in missing]
        if layout != "NCHW":
            said.append(f"data_format {layout}" if layout else "no data_format, so it is NHWC")
        known = "strides" in node.attributes and "pads" in node.attributes
        if said:
            yield self.finding(
                f"has {', '.join(said)}",
                view.label(node),
                remedy="deform-conv" if known and layout in ("", "NCHW") else None,
                advice='write strides, pads, dilations, groups, and data_format "NCHW"',
            )

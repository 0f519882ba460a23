"""GF307: Conv over three dims with auto_pad."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.reading import text
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.audit.windows import window
from graphfix.finding import Finding, Severity


class ConvAutoPad(NodeRule):
    """A Conv over three dims has an ``auto_pad`` other than NOTSET.

    ATC's plugin refuses it there, VALID included; over one and two dims it is passed on.
    ``conv-attrs`` writes ``pads`` instead, where the sizes are known.
    """

    id = "GF307"
    title = "auto_pad of a Conv over three dims"
    severity = Severity.ERROR
    citation = "hicann/ops-nn: conv_onnx_plugin.cpp, GetConvAttr"
    covers = ("Conv/2",)
    op_types = ("Conv",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """Three dims, by ``kernel_shape`` or the weight."""
        mode = text(node, "auto_pad", "NOTSET")
        weight = view.shape(view.input(node, 1))
        kernel = None if weight is None else tuple(size or 1 for size in weight[2:])
        found = window(node, view, kernel)
        if mode != "NOTSET" and found is not None and len(found.kernel) == 3:
            yield self.finding(
                f"has auto_pad {mode} over three dims, which ATC refuses",
                view.label(node),
                remedy="conv-attrs",
            )

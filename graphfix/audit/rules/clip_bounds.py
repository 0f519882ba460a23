"""GF321: Clip without bounds."""

from collections.abc import Iterator
from typing import Final

import onnx_ir as ir

from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity

_BOUNDS_ARE_INPUTS: Final = 11


class ClipBounds(NodeRule):
    """A Clip of opset 11 or later has neither a minimum nor a maximum.

    It does nothing, and ATC's plugin fails. ``clip-bounds`` writes the bounds of the type, and the
    node can just as well be removed.
    """

    id = "GF321"
    title = "Clip without bounds"
    severity = Severity.ERROR
    citation = "hicann/ops-math: clip_onnx_plugin.cpp"
    covers = ("Clip/1",)
    op_types = ("Clip",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """Both inputs are left out; below opset 11 they are attributes, with defaults."""
        bounds = (view.input(node, 1), view.input(node, 2))
        if view.opset >= _BOUNDS_ARE_INPUTS and bounds == (None, None):
            yield self.finding(
                "has neither min nor max; ATC wants one of them",
                view.label(node),
                remedy="clip-bounds",
            )

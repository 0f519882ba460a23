"""GF220: GridSample that leaves attributes out."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.releases import between
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.target import Profile


class GridSampleAttributes(NodeRule):
    """An attribute that a GridSample leaves out is an empty string for ATC, not ONNX's default.

    The plugin copies ``mode`` and ``padding_mode`` as they are, and the kernel knows no empty
    string. ``explicit-attrs`` writes ONNX's defaults into the node.
    """

    id = "GF220"
    title = "GridSample without mode or padding_mode"
    severity = Severity.ERROR
    citation = "hicann/ops-cv: grid_sample_onnx_plugin.cpp, ParseParamsGridSample"
    covers = ("GridSample/1",)
    op_types = ("GridSample",)

    def applies(self, profile: Profile) -> bool:
        """Releases that know the operator."""
        return between(profile, "8.0", "development")

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """One of the two is not there."""
        absent = [name for name in ("mode", "padding_mode") if name not in node.attributes]
        if absent:
            yield self.finding(
                f"has no {' and no '.join(absent)}, for which ATC takes an empty string",
                view.label(node),
                remedy="explicit-attrs",
            )

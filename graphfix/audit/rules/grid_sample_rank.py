"""GF222: GridSample of volumes."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.reading import rank
from graphfix.audit.releases import between
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.target import Profile


class GridSampleRank(NodeRule):
    """ATC makes every GridSample the operator for images, GridSampler2D.

    Data of five dims do not fit it. ATC has an operator of its own for them, ``GridSample3D``, but
    that is not ONNX. ``gridsample{mode=decompose}`` writes the sampling in operators that ATC
    takes.
    """

    id = "GF222"
    title = "GridSample of other than four dims"
    severity = Severity.ERROR
    citation = "hicann/ops-cv: grid_sample_onnx_plugin.cpp, GridSampler2D"
    covers = ("GridSample/1",)
    op_types = ("GridSample",)

    def applies(self, profile: Profile) -> bool:
        """Releases that know the operator."""
        return between(profile, "8.0", "development")

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """The data are known to have another rank."""
        dims = rank(view.input(node, 0))
        if dims not in (4, None):
            yield self.finding(
                f"samples {dims} dims, and ATC samples images of 4",
                view.label(node),
                remedy="gridsample{mode=decompose}",
            )

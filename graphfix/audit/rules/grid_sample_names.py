"""GF221: GridSample with names that ATC does not know."""

from collections.abc import Iterator
from typing import Final

import onnx_ir as ir

from graphfix.audit.reading import text
from graphfix.audit.releases import between
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.target import Profile

_NAMES: Final = {
    "mode": ("bilinear", "nearest", "bicubic"),
    "padding_mode": ("zeros", "border", "reflection"),
}


class GridSampleNames(NodeRule):
    """ATC hands ``mode`` and ``padding_mode`` of a GridSample to the kernel as they are.

    The kernel knows the names of opset 16. Opset 20 renamed bilinear to linear and bicubic to
    cubic; ``opset{to=17}`` takes the names back.
    """

    id = "GF221"
    title = "GridSample with unknown names"
    severity = Severity.ERROR
    citation = "hicann/ops-cv: grid_sample_onnx_plugin.cpp, ParseParamsGridSample"
    covers = ("GridSample/1",)
    op_types = ("GridSample",)

    def applies(self, profile: Profile) -> bool:
        """Releases that know the operator."""
        return between(profile, "8.0", "development")

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """An attribute that is there has another name."""
        for name, known in _NAMES.items():
            given = text(node, name, known[0])
            if given in known:
                continue
            renamed = view.opset >= 20 and given in ("linear", "cubic")
            yield self.finding(
                f"has {name}={given}, and the kernel takes {', '.join(known)}",
                view.label(node),
                remedy="opset{to=17}" if renamed else None,
                advice="" if renamed else f"write {name}={known[0]}",
            )

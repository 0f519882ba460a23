"""GF270: ScatterND that reduces."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.reading import from_shapes, text
from graphfix.audit.releases import between
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.target import Evidence, Profile


class ScatterNdReduction(NodeRule):
    """ScatterND with a ``reduction`` overwrites instead, up to CANN 9.1.

    It becomes TensorScatterUpdate, which has no reduction. The development branch has a second
    plugin, which adds and takes the maximum or minimum, and stops at ``mul``; the first one is
    still there and ATC takes the one that it happens to load first.

    With indices that are all different, gather the old values, combine them with the updates and
    scatter the result without reduction: ``scatter`` does so where they are constant, or made of
    sizes and constants. Where an index is there twice, both updates count, and no rewrite helps.
    """

    id = "GF270"
    title = "ScatterND with reduction"
    severity = Severity.WRONG
    citation = "hicann/ops-math: similar_opp, TensorScatterUpdate; hicann/ops-nn: scatter_nd"
    covers = ("ScatterND/1",)
    op_types = ("ScatterND",)

    def applies(self, profile: Profile) -> bool:
        """Releases that may take an opset with reductions."""
        return between(profile, "7.0", "development")

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """The attribute, judged by the release."""
        reduction = text(node, "reduction", "none")
        if reduction == "none":
            return
        indices = view.input(node, 1)
        known = indices is not None and (view.is_constant(indices) or from_shapes(indices))
        label, remedy = view.label(node), "scatter" if known else None
        advice = "" if known else "gather, combine and scatter without reduction"
        if view.profile.cann != "development":
            yield self.finding(
                f"has reduction={reduction}, which CANN {view.profile.cann} does not read",
                label,
                remedy=remedy,
                advice=advice,
                evidence=Evidence.SOURCE
                if between(view.profile, "8.5", "9.1")
                else Evidence.INFERENCE,
            )
        elif reduction in ("add", "max", "min"):
            yield self.finding(
                f"has reduction={reduction}, which one of two plugins does not read",
                label,
                remedy=remedy,
                advice=advice,
                severity=Severity.INFO,
                evidence=Evidence.INFERENCE,
            )
        else:
            yield self.finding(
                f"has reduction={reduction}, and ATC takes none, add, max and min",
                label,
                remedy=remedy,
                advice=advice,
                severity=Severity.ERROR,
            )

"""GF227: Pad with computed pads."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.reading import foldable, opens_shape
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.target import Evidence


class PadComputed(NodeRule):
    """Pads that are no constant leave the size of the output open.

    With constant pads ATC uses the kernel that has them as an attribute. Exporters compute pads
    from shapes to keep a model dynamic; what depends on static shapes alone ATC folds itself.
    """

    id = "GF227"
    title = "computed pads"
    severity = Severity.DYNAMIC
    evidence = Evidence.INFERENCE
    citation = "hicann/ops-math: pad_onnx_plugin.cpp; canndev 2022-06-30: const2attr_fusion_pass.cc"
    covers = ("Pad/1", "G4")
    op_types = ("Pad",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """The input is computed, and the shape of the output not known."""
        pads = view.input(node, 1)
        if pads is not None and opens_shape(node, pads, view):
            folds = foldable(pads)
            yield self.finding(
                f"computes its pads ({pads.name}) while the model runs",
                view.label(node),
                remedy="fold-shapes" if folds else None,
                advice="" if folds else "make them a constant, or fix what they depend on",
            )

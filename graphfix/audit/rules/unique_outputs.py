"""GF329: what Unique does not have on ATC."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity


class UniqueOutputs(NodeRule):
    """A Unique works along an axis, or its ``indices`` are read.

    ATC maps it to UniqueWithCountsAndSorting, which has neither: the input is taken as one flat
    list, and the second output is zeros.
    """

    id = "GF329"
    title = "axis and indices of Unique"
    severity = Severity.WRONG
    citation = "hicann/ops-nn: unique_onnx_plugin.cpp"
    covers = ("Unique/1",)
    op_types = ("Unique",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """Both may hold; along the only axis there is, nothing changes."""
        shape = view.shape(view.input(node, 0))
        if "axis" in node.attributes and shape is not None and len(shape) > 1:
            yield self.finding(
                f"compares slices of {len(shape)} dims along an axis; ATC compares single elements",
                view.label(node),
                advice="end the model before it with out-nodes",
            )
        indices = node.outputs[1] if len(node.outputs) > 1 else None
        if indices is not None and (indices.uses() or indices.is_graph_output()):
            yield self.finding(
                f"gives zeros for its indices ({indices.name})",
                view.label(node),
                advice="end the model before it with out-nodes",
            )

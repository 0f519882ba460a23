"""GF141: outputs whose size the data decide."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.reading import from_shapes
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.target import Evidence


class DataDependentShapes(NodeRule):
    """A node makes as many elements as the data happen to want.

    Everything after it has dynamic shapes: gears and the static graph for the AI Core are lost. In
    front of it the model can end (``out-nodes``), with the rest done on the host; a TopK or a Where
    of a fixed size can take its place. In front of NonMaxSuppression ``nms-tail`` ends a model, or
    makes it BatchMultiClassNMS; both change the outputs, so that somebody has to want it. What is
    only written back under its mask, as in ``x[mask] = 0``, becomes a Where by ``nonzero``.
    """

    id = "GF141"
    title = "sizes that the data decide"
    severity = Severity.DYNAMIC
    evidence = Evidence.DOC
    citation = "hicann/ge: docs, dynamic shapes (dynamic_batch_size, dynamic_dims)"
    covers = ("G5",)
    op_types = ("NonZero", "Compress", "Unique", "NonMaxSuppression")

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """Nodes whose output is no constant."""
        if view.constant(view.input(node, 0)) is not None:
            return
        remedy = "nonzero" if _is_written_back(node) else None
        if remedy:
            advice = ""
        elif node.op_type == "NonMaxSuppression":
            advice = "end the model before it with nms-tail, or nms-tail{mode=replace} makes a "
            advice += "fixed number of boxes"
        elif all(value is None or from_shapes(value) for value in node.inputs):
            advice = "it reads sizes of inputs only: fix these with dynamic-shape, and sim folds it"
        else:
            advice = "end the model before it with out-nodes, or use a form of fixed size"
        yield self.finding(
            f"the data decide the size of what {node.op_type} makes",
            view.label(node),
            remedy=remedy,
            advice=advice,
        )


def _is_written_back(node: ir.Node) -> bool:
    """Whether the elements that a NonZero finds are where a ScatterND writes."""
    readers = [use.node for value in node.outputs for use in value.uses()]
    turned = [value for each in readers if each.op_type == "Transpose" for value in each.outputs]
    return node.op_type == "NonZero" and any(
        use.node.op_type == "ScatterND" and use.idx == 1 for value in turned for use in value.uses()
    )

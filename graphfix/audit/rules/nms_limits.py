"""GF242: NonMaxSuppression outside of the documented limits."""

from collections.abc import Iterator
from typing import Final

import onnx_ir as ir

from graphfix.audit.reading import computed, constant_ints
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.target import Evidence

_MOST: Final = 700
"""Boxes per class above which the documentation warns."""

_NAMES: Final = ("max_output_boxes_per_class", "iou_threshold", "score_threshold")
_FLOAT16_CHIPS: Final = ("310", "910")
"""Atlas 200, 300 and 500 and the training products."""


class NmsLimits(NodeRule):
    """What the documentation says of NonMaxSuppression.

    More than 700 boxes per class may use up the memory of the AI Core. The limit and the thresholds
    must be constants. On Ascend 310 and 910 boxes and scores are float16, which has no fractions
    from 1024 pixels on: scale the boxes to 0..1 before, or end the model in front of the node
    (``out-nodes``) and suppress on the host.
    """

    id = "GF242"
    title = "limits of NonMaxSuppression"
    severity = Severity.INFO
    evidence = Evidence.DOC
    citation = "documentation of ONNX operators, page of NonMaxSuppression"
    covers = ("NonMaxSuppression/2",)
    op_types = ("NonMaxSuppression",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """The three limits, then the type."""
        label = view.label(node)
        given = [(name, view.input(node, i)) for i, name in enumerate(_NAMES, start=2)]
        found = [name for name, value in given if computed(value)]
        if found:
            yield self.finding(
                f"computes {' and '.join(found)}, which must be constant",
                label,
                advice="make them constants, or end the model before the node with out-nodes",
                severity=Severity.ERROR,
            )
        most = constant_ints(view.input(node, 2), view)
        if most and max(most) > _MOST:
            yield self.finding(
                f"keeps up to {max(most)} boxes per class, and more than {_MOST} may need more "
                "memory than there is",
                label,
                advice="keep fewer boxes",
            )
        boxes = view.input(node, 0)
        if (
            view.profile.soc.chip in _FLOAT16_CHIPS
            and boxes is not None
            and boxes.dtype is ir.DataType.FLOAT
        ):
            yield self.finding(
                f"has float32 boxes, and {view.profile.soc.name} computes it in float16",
                label,
                advice="scale the boxes to 0..1 before",
            )

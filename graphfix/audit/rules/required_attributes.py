"""GF301: attributes that ATC demands."""

from collections.abc import Iterator
from typing import Final

from graphfix.audit.rule import Rule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity

_NEEDED: Final = {
    "AveragePool": ("ops-nn", "kernel_shape"),
    "BatchMultiClassNMS": (
        "ops-cv", "score_threshold", "iou_threshold", "max_size_per_class", "max_total_size",
    ),
    "Cast": ("ops-math", "to"),
    "Concat": ("ops-math", "axis"),
    "ConvTranspose": ("ops-nn", "kernel_shape"),
    "DepthToSpace": ("ops-math", "blocksize"),
    "Einsum": ("ops-math", "equation"),
    "LRN": ("ops-nn", "size"),
    "LpPool": ("ops-nn", "kernel_shape"),
    "MaxPool": ("ops-nn", "kernel_shape"),
    "MaxUnpool": ("ops-nn", "kernel_shape"),
    "NPURoiAlign": ("ops-cv", "spatial_scale", "pooled_height", "pooled_width"),
    "SpaceToDepth": ("ops-math", "blocksize"),
}  # fmt: skip
"""Operator, to the repository of its plugin and the attributes that the plugin insists on."""
_AXES_ARE_AN_INPUT: Final = 13


class RequiredAttributes(Rule):
    """An attribute is left out, and ATC's plugin fails without it.

    ``kernel_shape`` of a ConvTranspose may be left out in ONNX, as the weight tells it;
    ``conv-attrs`` writes it. The others are required by ONNX too: the file was edited, or written
    for a very old opset.
    """

    id = "GF301"
    title = "required attribute"
    severity = Severity.ERROR
    citation = "hicann/ops-nn, ops-cv, ops-math: the plugin of the operator"
    covers = (
        "Einsum/1", "ConvTranspose/1", "AveragePool/1", "MaxPool/2", "MaxUnpool/1", "Squeeze/1",
        "Concat/1", "NPURoiAlign/1", "LRN/1", "Cast/1", "DepthToSpace/1", "SpaceToDepth/1",
        "BatchMultiClassNMS/1",
    )  # fmt: skip

    def check(self, view: View) -> Iterator[Finding]:
        """By operator, in the default domain and in ``npu``."""
        for node in view.nodes:
            domain, op_type = view.dialect(node)
            if domain not in ("", "npu"):
                continue
            repository, *needed = _NEEDED.get(op_type, ("ops-math",))
            if op_type == "Unsqueeze" and view.opset < _AXES_ARE_AN_INPUT:
                needed = ["axes"]
            missing = [name for name in needed if name not in node.attributes]
            if missing:
                derived = op_type == "ConvTranspose"
                yield self.finding(
                    f"has no {' and no '.join(missing)}, which ATC demands",
                    view.label(node),
                    remedy="conv-attrs" if derived else None,
                    advice="" if derived else "write it into the model",
                    citation=f"hicann/{repository}: plugin of {op_type}",
                )

"""GF276: RoiAlign of large pictures."""

import math
from collections.abc import Iterator
from typing import Final

import onnx_ir as ir

from graphfix.audit.reading import real
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.target import Evidence

_BITS: Final = 11
"""Significant bits of float16 (IEEE 754 binary16)."""


class RoiAlignPrecision(NodeRule):
    """Regions of large pictures lose their fractions in float16.

    ATC puts the number of the picture in front of each region and joins both into one float tensor,
    which the default precision makes float16. From 1024 pixels on float16 has whole numbers only.
    Keep the node in float32 (``precision_mode`` or a list of operators), or compute the regions in
    the coordinates of the feature map and set spatial_scale to 1.
    """

    id = "GF276"
    title = "RoiAlign of large pictures in float16"
    severity = Severity.INFO
    evidence = Evidence.INFERENCE
    citation = "hicann/ops-cv: roi_align_onnx_plugin.cpp, ParseOpToGraphRoiAlign"
    covers = ("RoiAlign/1",)
    op_types = ("RoiAlign",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """The picture, the feature map over its scale, is so large that pixels are lost."""
        scale = real(node, "spatial_scale", 1.0)
        sizes = [size for size in (view.shape(view.input(node, 0)) or ())[2:] if size]
        if not sizes or scale <= 0:
            return
        largest = max(sizes) / scale
        step = 2.0 ** (math.frexp(largest)[1] - _BITS)
        if step >= 1:
            yield self.finding(
                f"has regions of up to {largest:g} pixels, which float16 has in steps of {step:g}",
                view.label(node),
                advice="keep it in float32, or give regions of the feature map",
            )

"""GF235: TopK that the AI Core has no kernel for."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.reading import foldable, opens_shape
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity

_TYPES = (ir.DataType.FLOAT, ir.DataType.FLOAT16)


class TopKAiCpu(NodeRule):
    """A TopK ran on the AI CPU in 2022 unless its ``k`` is a constant and its data are float16.

    Only TopKD, which has k as an attribute, had a kernel for the AI Core, for float16 (float32 data
    become float16 by the default precision). A computed k also leaves the size of the output open,
    unless it depends on static shapes alone, which ATC folds. Make k a constant; integers up to
    2048 sort the same when they are cast to float.
    """

    id = "GF235"
    title = "TopK with computed k or of integers"
    severity = Severity.SLOW
    citation = "canndev 2022-06-30: tbe/op_info_cfg/ai_core (TopKD), const2attr_fusion_pass.cc"
    covers = ("TopK/1", "G4")
    op_types = ("TopK",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """The input k and the type of the data."""
        data, k = view.input(node, 0), view.input(node, 1)
        if k is not None and opens_shape(node, k, view):
            folds = foldable(k)
            yield self.finding(
                f"computes k ({k.name}) while the model runs, for which there was only an AI CPU "
                "kernel in 2022",
                view.label(node),
                remedy="fold-shapes" if folds else None,
                advice="" if folds else "make k a constant",
            )
        elif data is not None and data.dtype is not None and data.dtype not in _TYPES:
            yield self.finding(
                f"sorts {data.dtype.name.lower()}, for which there was only an AI CPU kernel in "
                "2022",
                view.label(node),
                advice="cast the data to float before, where they are small enough",
            )

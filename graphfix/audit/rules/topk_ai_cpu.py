"""GF235: TopK that the AI Core has no kernel for."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.reading import foldable, opens_shape
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.rewrite.bounds import ANY, Interval, limits

_TYPES = (ir.DataType.FLOAT, ir.DataType.FLOAT16)
_INTEGERS = 2048
"""float16 holds all integers up to here (IEEE 754 binary16: 11 significant bits)."""


class TopKAiCpu(NodeRule):
    """A TopK ran on the AI CPU in 2022 unless its ``k`` is a constant and its data are float16.

    Only TopKD, which has k as an attribute, had a kernel for the AI Core, for float16 (float32 data
    become float16 by the default precision). A computed k also leaves the size of the output open,
    unless it depends on static shapes alone, which ATC folds. Make k a constant; integers up to
    2048 sort the same when they are cast to float, which ``topk`` does where they are sure to be.
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
            small = _are_small(node, data, view)
            yield self.finding(
                f"sorts {data.dtype.name.lower()}, for which there was only an AI CPU kernel in "
                "2022",
                view.label(node),
                remedy="topk" if small else None,
                advice=""
                if small
                else "cast the data to float before, where they are small enough",
            )


def _are_small(node: ir.Node, data: ir.Value, view: View) -> bool:
    """Whether the data are integers that float16 holds, by their type or by the graph."""
    if data.dtype is None or not data.dtype.is_integer():
        return False
    by_graph = view.bounds.get(data.name or "", ANY) if node.graph is view.model.graph else ANY
    return any(
        bound.within(-_INTEGERS, _INTEGERS) for bound in (Interval(*limits(data.dtype)), by_graph)
    )

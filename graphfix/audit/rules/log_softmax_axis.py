"""GF326: LogSoftmax and Hardmax over several dims."""

from collections.abc import Iterator
from typing import Final

import onnx_ir as ir

from graphfix.audit.reading import from_front, integer
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity

_ONE_AXIS: Final = 13


class LogSoftmaxAxis(NodeRule):
    """A LogSoftmax or Hardmax below opset 13 takes several dims together, of which ATC takes one.

    There ONNX flattens all dims from ``axis`` on, 1 if it is left out. ATC's plugins work on the
    one ``axis``, the last if it is left out, at any opset; for Softmax alone they flatten. Both are
    the same when the other dims have size 1. ``softmax-axis`` writes LogSoftmax out.
    """

    id = "GF326"
    title = "LogSoftmax and Hardmax over several dims"
    severity = Severity.WRONG
    citation = "hicann/ops-nn: logsoftmax_onnx_plugin.cpp; canndev 2022-06-30: hardmax_plugin.cc"
    covers = ("LogSoftmax/1", "Hardmax/1")
    op_types = ("LogSoftmax", "Hardmax")

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """A dim that ONNX normalizes over and ATC does not, known to be larger than 1."""
        shape = view.shape(view.input(node, 0))
        if view.opset >= _ONE_AXIS or not shape:
            return
        rank, given = len(shape), integer(node, "axis", None)
        first = from_front(1 if given is None else given, rank)
        taken = from_front(-1 if given is None else given, rank)
        if not (0 <= first <= rank and 0 <= taken < rank):
            return
        others = [axis for axis in range(first, rank) if axis != taken]
        if any((shape[axis] or 1) > 1 for axis in others):
            written = node.op_type == "LogSoftmax"
            yield self.finding(
                f"takes the dims from {first} on together; ATC takes dim {taken} alone",
                view.label(node),
                remedy="softmax-axis" if written else None,
                advice="" if written else "flatten these dims with Reshape, and back behind it",
            )

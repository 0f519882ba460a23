"""GF326: Softmax and its kin over several dims."""

from collections.abc import Iterator
from typing import Final

import onnx_ir as ir

from graphfix.audit.reading import from_front, integer
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.target import Evidence

_ONE_AXIS: Final = 13


class SoftmaxAxis(NodeRule):
    """A Softmax, LogSoftmax or Hardmax below opset 13 takes several dims together.

    There ONNX flattens all dims from ``axis`` on, 1 if it is left out. ATC's plugins of LogSoftmax
    and Hardmax work on the one ``axis``, the last if it is left out, at any opset. That of Softmax
    asks for a fusion pass that flattens, which had exceptions in 2022 and is in no public source
    since; scripts for published models rely on one axis. All are the same when the other dims have
    size 1. ``softmax-axis`` writes what has one meaning.
    """

    id = "GF326"
    title = "Softmax over several dims"
    severity = Severity.WRONG
    citation = "hicann/ops-nn: softmax, logsoftmax _onnx_plugin.cpp; canndev 2022-06-30"
    covers = ("LogSoftmax/1", "Hardmax/1", "Softmax/1")
    op_types = ("LogSoftmax", "Hardmax", "Softmax")

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """A dim that ONNX normalizes over and ATC does not, known to be larger than 1."""
        shape = view.shape(view.input(node, 0))
        if view.opset >= _ONE_AXIS or not shape:
            return
        rank, given = len(shape), integer(node, "axis", None)
        first = from_front(1 if given is None else given, rank)
        softmax = node.op_type == "Softmax"
        taken = first if softmax else from_front(-1 if given is None else given, rank)
        if not (0 <= first <= rank and 0 <= taken < rank):
            return
        others = [axis for axis in range(first, rank) if axis != taken]
        if any((shape[axis] or 1) > 1 for axis in others):
            may = "may take" if softmax else "takes"
            yield self.finding(
                f"takes the dims from {first} on together; ATC {may} dim {taken} alone",
                view.label(node),
                remedy="softmax-axis",
                severity=Severity.INFO if softmax else None,
                evidence=Evidence.INFERENCE if softmax else None,
            )

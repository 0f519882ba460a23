"""GF325: Shape of a part of the dims."""

from collections.abc import Iterator
from typing import Final

import onnx_ir as ir

from graphfix.audit.reading import from_front, integer
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity

_HAS_RANGE: Final = 15


class ShapeRange(NodeRule):
    """A Shape asks for some dims alone, by ``start`` and ``end``.

    Both are from opset 15. ATC's plugin reads neither and gives all dims, so that what follows
    takes the wrong ones. ``shape-range`` makes it a Shape and a Slice.
    """

    id = "GF325"
    title = "start and end of Shape"
    severity = Severity.WRONG
    citation = "hicann/ops-math: shape_onnx_plugin.cpp"
    covers = ("Shape/1",)
    op_types = ("Shape",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """A range that is not known to be all dims."""
        start, end = integer(node, "start", 0), integer(node, "end", None)
        shape = view.shape(view.input(node, 0))
        if view.opset < _HAS_RANGE or (start == 0 and end is None):
            return
        if shape is None:
            cut = start > 0 or end == 0
        else:
            rank = len(shape)
            first = max(from_front(start, rank), 0)
            cut = rank > 0 and (first > 0 or (end is not None and from_front(end, rank) < rank))
        if cut:
            asked = f"from {start}" if end is None else f"from {start} to {end}"
            yield self.finding(
                f"asks for the dims {asked}; ATC gives all",
                view.label(node),
                remedy="shape-range",
            )

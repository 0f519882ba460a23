"""GF324: Split into single elements."""

from collections.abc import Iterator
from typing import Final

import onnx_ir as ir

from graphfix.audit.reading import from_front, integer
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.target import Evidence

_SIZES_ARE_AN_INPUT: Final = 13


class SplitOfOne(NodeRule):
    """A Split makes a part of size 1.

    The documentation of Split, for opset 13 and later, asks for parts larger than 1; it does not
    say what happens otherwise, and many models have them. ``unbind`` makes larger parts in front of
    a Reshape, which torch's ``unbind`` often has. If the conversion fails at this node, a Slice or
    a Gather takes the part as well.
    """

    id = "GF324"
    title = "Split into single elements"
    severity = Severity.INFO
    evidence = Evidence.DOC
    citation = "documentation of ATC: ONNX operator Split"
    covers = ("Split/2",)
    op_types = ("Split",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """By the shapes of the outputs."""
        axis = integer(node, "axis", 0)
        shapes = [view.shape(output) or () for output in node.outputs]
        sizes = [
            shape[from_front(axis, len(shape))]
            for shape in shapes
            if -len(shape) <= axis < len(shape)
        ]
        if view.opset >= _SIZES_ARE_AN_INPUT and 1 in sizes:
            how_many = f"{sizes.count(1)} of {len(sizes)} parts"
            yield self.finding(
                f"makes {how_many} of size 1 on axis {axis}; ATC documents larger ones",
                view.label(node),
                advice="take them with Slice or Gather if the conversion fails here",
            )

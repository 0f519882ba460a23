"""GF338: OneHot out of the range that ATC takes."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.reading import constant_ints, integer
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.target import Evidence


class OneHotRange(NodeRule):
    """A OneHot has an axis below -1, or a depth below 1.

    The documentation excludes both. Count the axis from the front instead; the result has one dim
    more than the indices.
    """

    id = "GF338"
    title = "axis and depth of OneHot"
    severity = Severity.ERROR
    evidence = Evidence.DOC
    citation = "documentation of ATC: ONNX operator OneHot"
    covers = ("OneHot/1",)
    op_types = ("OneHot",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """Both, where they are known."""
        axis = integer(node, "axis", -1)
        if axis < -1:
            indices = view.shape(view.input(node, 0))
            yield self.finding(
                f"has axis {axis}; ATC takes -1 and up",
                view.label(node),
                remedy=None if indices is None else "onehot",
                advice="count the axis from the front" if indices is None else "",
            )
        depth = constant_ints(view.input(node, 1), view)
        if depth and depth[0] < 1:
            yield self.finding(
                f"has depth {depth[0]}; ATC takes 1 and up",
                view.label(node),
                advice="give it the count of classes",
            )

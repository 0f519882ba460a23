"""GF320: ReduceMax that leaves the axes to a default."""

from collections.abc import Iterator
from typing import Final

import onnx_ir as ir

from graphfix.audit.reading import axes, integer
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.target import Evidence

_MAY_OMIT: Final = (ir.DataType.FLOAT, ir.DataType.FLOAT16, ir.DataType.INT32)


class ReduceMaxAxes(NodeRule):
    """A ReduceMax has no axes, or an empty list of them.

    ONNX then reduces over all dims. The documentation of ATC says that an empty list reduces
    nothing, and that axes may be left out for float16, float32 and int32 alone. Write all axes:
    ``reduce-axes`` does where the rank is known.
    """

    id = "GF320"
    title = "ReduceMax over all dims"
    severity = Severity.WRONG
    evidence = Evidence.DOC
    citation = "documentation of ATC: ONNX operator ReduceMax"
    covers = ("ReduceMax/1",)
    op_types = ("ReduceMax",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """Axes that are empty, or absent with another type; where that means all."""
        data = view.input(node, 0)
        dtype = data.dtype if data is not None else None
        empty_is_none = integer(node, "noop_with_empty_axes", 0)
        if axes(node, view) != () or empty_is_none:
            return
        if "axes" in node.attributes or view.input(node, 1) is not None:
            message = "has an empty list of axes, and ATC then reduces nothing"
        elif dtype is not None and dtype not in _MAY_OMIT:
            message = f"has no axes, which ATC does not take for {dtype.name.lower()}"
        else:
            return
        yield self.finding(message, view.label(node), remedy="reduce-axes")

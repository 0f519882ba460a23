"""GF351: EyeLike that takes the type of its input."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity


class EyeLikeType(NodeRule):
    """An EyeLike has no ``dtype``, and its input is not float32.

    ONNX then gives the type of the input. ATC's plugin gives float32, which does not fit what
    follows. ``eye-like`` writes the type of the input into ``dtype``, or makes a constant.
    """

    id = "GF351"
    title = "type of EyeLike"
    severity = Severity.WRONG
    citation = "hicann/ops-math: eyelike_onnx_plugin.cpp"
    covers = ("EyeLike/2",)
    op_types = ("EyeLike",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """Where the type is known."""
        data = view.input(node, 0)
        dtype = data.dtype if data is not None else None
        if "dtype" not in node.attributes and dtype not in (None, ir.DataType.FLOAT):
            assert dtype is not None
            yield self.finding(
                f"has no dtype: ATC gives float32, ONNX {dtype.name.lower()}",
                view.label(node),
                remedy="eye-like",
            )

"""GF314: AveragePool over wide inputs."""

from collections.abc import Iterator
from typing import Final

import onnx_ir as ir

from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.target import Evidence

_WIDEST: Final = 4096


class AveragePoolWidth(NodeRule):
    """The input of an AveragePool is wider than 4096.

    The documentation gives that as the limit and does not say what happens beyond it. Look for the
    node in the log of the conversion, and compare its output.
    """

    id = "GF314"
    title = "wide AveragePool"
    severity = Severity.INFO
    evidence = Evidence.DOC
    citation = "documentation of ATC: ONNX operator AveragePool"
    covers = ("AveragePool/4",)
    op_types = ("AveragePool",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """The last of four dims."""
        shape = view.shape(view.input(node, 0)) or ()
        width = shape[3] if len(shape) == 4 else None
        if width is not None and width > _WIDEST:
            yield self.finding(
                f"has an input {width} wide; ATC documents at most {_WIDEST}",
                view.label(node),
                advice="split the input by width, or transpose it",
            )

"""GF330: Transpose without perm."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity


class TransposePerm(NodeRule):
    """A Transpose without ``perm`` stops the conversion.

    ONNX lets ``perm`` be left out, which reverses the dims. ATC's plugin reads the attribute and
    fails without it. Write it out: ``explicit-attrs`` does.
    """

    id = "GF330"
    title = "Transpose without perm"
    severity = Severity.ERROR
    citation = "hicann/ops-math: transpose_onnx_plugin.cc"
    covers = ("Transpose/1",)
    op_types = ("Transpose",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """The attribute is not there."""
        if "perm" not in node.attributes:
            yield self.finding(
                "has no perm, which ATC demands", view.label(node), remedy="explicit-attrs"
            )

"""GF349: Trilu with a second input."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.releases import between
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.target import Profile


class TriluDiagonal(NodeRule):
    """A Trilu is told its diagonal by an input, for CANN 5.1 or 6.0.

    ATC's plugin of these releases takes one input and fails with two, even when the second says 0.
    ``trilu`` masks with a constant where diagonal and sizes are known; below opset 14, to which
    ``opset`` converts, there is no Trilu.
    """

    id = "GF349"
    title = "diagonal of Trilu"
    severity = Severity.ERROR
    citation = "canndev 2022-06-30: framework/onnx_plugin/trilu_plugin.cc"
    covers = ("Trilu/2",)
    op_types = ("Trilu",)

    def applies(self, profile: Profile) -> bool:
        """Later releases take two inputs."""
        return between(profile, "5.1", "6.0")

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """The second input is there."""
        diagonal = view.input(node, 1)
        if diagonal is not None:
            sizes = (view.shape(view.input(node, 0)) or (None,))[-2:]
            known = None not in sizes and view.constant(diagonal) is not None
            yield self.finding(
                "has k as second input, which ATC refuses",
                view.label(node),
                remedy="trilu" if known else "opset{to=13}",
            )

"""GF348: EyeLike beside the main diagonal."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.reading import integer
from graphfix.audit.releases import between
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.target import Evidence, Profile


class EyeLikeDiagonal(NodeRule):
    """An EyeLike has its ones on another diagonal, for CANN 5.1 or 6.0.

    The documentation of these releases takes ``k`` 0 alone. With a shape that is known it is a
    constant, and better stored as one.
    """

    id = "GF348"
    title = "diagonal of EyeLike"
    severity = Severity.ERROR
    evidence = Evidence.DOC
    citation = "documentation of ATC: ONNX operator EyeLike"
    covers = ("EyeLike/1",)
    op_types = ("EyeLike",)

    def applies(self, profile: Profile) -> bool:
        """Later documentation does not say so."""
        return between(profile, "5.1", "6.0")

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """The attribute is not 0."""
        diagonal = integer(node, "k", 0)
        if diagonal:
            yield self.finding(
                f"has k {diagonal}; ATC takes 0 alone",
                view.label(node),
                advice="store the matrix as a constant",
            )

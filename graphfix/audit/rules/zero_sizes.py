"""GF135: tensors without elements."""

from collections.abc import Iterator

from graphfix.audit.rule import Rule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.target import Evidence


class ZeroSizes(Rule):
    """A node makes a tensor with a dim of 0.

    The documentation wants every dim of the inputs and outputs of nodes other than constants to be
    above 0. Such pieces mostly come from slices that are empty at the exported size;
    ``empty-slice`` removes them from Concat, and makes constants of others.
    """

    id = "GF135"
    title = "tensors without elements"
    severity = Severity.ERROR
    evidence = Evidence.DOC
    citation = "hicann/ge: docs, general_restrictions.md"
    covers = ("S14",)

    def check(self, view: View) -> Iterator[Finding]:
        """Node by node; constants may be empty."""
        for node in view.nodes:
            for value in node.outputs:
                shape = view.shape(value)
                if shape and 0 in shape and view.constant(value) is None:
                    yield self.finding(
                        f"makes {value.name} of shape {list(shape)}",
                        view.label(node),
                        remedy="empty-slice",
                    )

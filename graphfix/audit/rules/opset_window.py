"""GF100: an opset that ATC does not know."""

from collections.abc import Iterator

from graphfix.audit.opsets import best, is_outside
from graphfix.audit.rule import Rule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity


class OpsetWindow(Rule):
    """No operator is registered at the opset that the model imports.

    ATC looks an operator up under exactly the opset of the model; it does not fall back to an older
    version of the operator. Registrations begin at opset 8, and end at 15 in CANN 5.1 and 6.0 and
    at 18 later. A model outside of that fails with every node. ``opset`` converts it; what newer
    operators there are is taken apart on the way down.
    """

    id = "GF100"
    title = "opset outside the registered ones"
    severity = Severity.ERROR
    citation = "hicann/ge: graph_metadef/register/register.cpp, GetOmTypeByOriOpType"
    covers = ("G1", "O1")

    def check(self, view: View) -> Iterator[Finding]:
        """The version of the default domain."""
        first, last = view.profile.opset_window
        if is_outside(view) and any(view.operators):
            yield self.finding(
                f"the model has opset {view.opset}; operators are registered at {first} to {last}",
                remedy=f"opset{{to={best(view)}}}",
            )

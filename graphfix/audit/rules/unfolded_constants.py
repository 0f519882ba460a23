"""GF142: constants that are computed when the model runs."""

from collections.abc import Iterator

from graphfix.audit.rule import Rule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.target import Evidence


class UnfoldedConstants(Rule):
    """Nodes work on constants alone.

    What they compute is the same in every run. ATC folds what it can, and runs the rest each time,
    in types that the AI Core may not have (index tables in int64 or double are typical). ``sim``
    folds them; results that would make the file much larger are left.
    """

    id = "GF142"
    title = "constants computed at run time"
    severity = Severity.SLOW
    evidence = Evidence.INFERENCE
    citation = "canndev 2022-06-30: fusion_pass, const2attr_fusion_pass.cc"

    def check(self, view: View) -> Iterator[Finding]:
        """All such nodes of the main graph at once."""
        folded = view.foldable
        if folded:
            yield self.finding(
                f"{len(folded)} nodes compute constants", *view.labels(folded), remedy="sim"
            )

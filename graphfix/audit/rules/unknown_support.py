"""GF102: an operator of which no public table tells."""

from collections.abc import Iterator

from graphfix.audit.opsets import is_outside
from graphfix.audit.rule import Rule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.target import Evidence


class UnknownSupport(Rule):
    """Whether the release registers an operator is not known.

    Some operators lived in packages that are not public. Where neither the release nor those around
    it tell, nothing is concluded. ATC of the release itself tells with ``--mode=3`` in seconds; a
    target file (``--target-file``) can then say so.
    """

    id = "GF102"
    title = "operator not in the public tables"
    severity = Severity.INFO
    evidence = Evidence.UNKNOWN
    citation = "hicann/ge, ops-nn, ops-cv, ops-math"

    def check(self, view: View) -> Iterator[Finding]:
        """Operators of the default domain, each with all of its nodes."""
        if is_outside(view):
            return  # the opset is the reason, and has a finding of its own
        for op_type in view.operators:
            support = view.profile.support(op_type, view.opset)
            if support.verdict is None:
                yield self.finding(
                    f"{op_type}: {support.citation}",
                    *view.labels(view.of(op_type)),
                    advice="ask ATC with --mode=3, and write the answer into a --target-file",
                )

"""A rule about command lines: one thing that ATC refuses or takes otherwise than meant."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar

from graphfix.atc.request import Request
from graphfix.finding import Finding, Severity
from graphfix.target import Evidence


class Rule(ABC):
    """One rule. Its docstring is its documentation: what happens, why, what to do.

    What is not known, such as the value of a shell variable, is no finding.
    """

    id: ClassVar[str]
    """``GF4`` and two digits."""
    title: ClassVar[str]
    """A few words for tables."""
    severity: ClassVar[Severity] = Severity.ERROR
    """Of its findings, unless one says otherwise."""
    evidence: ClassVar[Evidence] = Evidence.SOURCE
    citation: ClassVar[str]
    """``repository: path`` or the page of documentation that says so."""

    @property
    def documentation(self) -> str:
        """What happens, why, what to do."""
        return inspect.cleandoc(type(self).__doc__ or "")

    @abstractmethod
    def check(self, request: Request) -> Iterator[Finding]:
        """What of the command breaks the rule."""

    def finding(
        self,
        message: str,
        *about: str,
        advice: str = "",
        severity: Severity | None = None,
        evidence: Evidence | None = None,
        citation: str = "",
    ) -> Finding:
        """A finding about flags, inputs, nodes or files; what is not given is as the class says."""
        return Finding(
            self.id,
            severity or self.severity,
            message,
            about,
            evidence or self.evidence,
            citation or self.citation,
            advice=advice,
        )

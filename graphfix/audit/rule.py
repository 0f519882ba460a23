"""A rule of the audit: one fact about what a target minds, and how to see it in a model."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar

import onnx_ir as ir

from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.target import Evidence, Profile


class Rule(ABC):
    """One rule. Its docstring is its documentation: what happens, why, what to do.

    Rules are stateless and never edit. What is not known (a shape, a constant) is no finding.
    """

    id: ClassVar[str]
    """``GF`` and three digits."""
    title: ClassVar[str]
    """A few words for tables."""
    severity: ClassVar[Severity]
    """Of its findings, unless one says otherwise."""
    evidence: ClassVar[Evidence] = Evidence.SOURCE
    citation: ClassVar[str]
    """``repository: path`` or the page of documentation that says so."""
    covers: ClassVar[tuple[str, ...]] = ()
    """Keys of the facts about ATC that the rule checks (``tools/target_tables/facts.csv``)."""

    @property
    def documentation(self) -> str:
        """The docstring of the class without its indentation."""
        return inspect.getdoc(type(self)) or ""

    def applies(self, profile: Profile) -> bool:
        """Whether the fact holds for this SoC and release."""
        return True

    @abstractmethod
    def check(self, view: View) -> Iterator[Finding]:
        """What of the model breaks the rule, in the order of the graph."""

    def finding(
        self,
        message: str,
        *nodes: str,
        remedy: str | None = None,
        advice: str = "",
        severity: Severity | None = None,
        evidence: Evidence | None = None,
        citation: str | None = None,
    ) -> Finding:
        """A finding of this rule; what is not given is as the class says."""
        return Finding(
            self.id,
            severity or self.severity,
            message,
            nodes,
            evidence or self.evidence,
            self.citation if citation is None else citation,
            remedy,
            advice,
        )


class NodeRule(Rule):
    """A rule about every node of some operators of the default domain."""

    op_types: ClassVar[tuple[str, ...]]

    def check(self, view: View) -> Iterator[Finding]:
        """Each node of :attr:`op_types`, one after the other."""
        for node in view.of(*self.op_types):
            yield from self.check_node(node, view)

    @abstractmethod
    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """What of one node breaks the rule."""

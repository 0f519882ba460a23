"""What an audit says: one fact about a model or a command line that its target minds."""

from dataclasses import dataclass
from enum import Enum
from typing import Any

from graphfix.target import Evidence


class Severity(Enum):
    """What happens to a model that is left as it is, worst first."""

    ERROR = "error"
    """The conversion fails."""
    WRONG = "wrong"
    """The result is silently another one."""
    SLOW = "slow"
    """It runs on the AI CPU or the host."""
    DYNAMIC = "dynamic"
    """Shapes become dynamic: no gears, no static AI Core build."""
    INFO = "info"
    """Worth knowing."""

    @property
    def fails(self) -> bool:
        """Whether a model with such a finding is not fit for its target."""
        return self in (Severity.ERROR, Severity.WRONG)


@dataclass(frozen=True)
class Finding:
    """One fact, where it holds, how well it is known, and what to do."""

    rule: str
    """Such as ``GF101``."""
    severity: Severity
    message: str
    """The fact, with names and numbers of this model."""
    nodes: tuple[str, ...] = ()
    """The nodes, values, options or files it is about; empty for the whole."""
    evidence: Evidence = Evidence.SOURCE
    citation: str = ""
    """Where the evidence is: ``repository: path``, or a page of documentation."""
    remedy: str | None = None
    """Pipeline text that removes the finding."""
    advice: str = ""
    """What to do where no pipeline does it."""

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "rule": self.rule,
            "severity": self.severity.value,
            "message": self.message,
            "nodes": list(self.nodes),
            "evidence": self.evidence.value,
            "citation": self.citation,
            "remedy": self.remedy,
            "advice": self.advice,
        }

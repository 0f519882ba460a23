"""Runs rules over a model and puts their findings in order."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx_ir as ir

from graphfix.audit.rule import Rule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.model import paused_gc
from graphfix.target import Profile

_ORDER = {severity: place for place, severity in enumerate(Severity)}


@dataclass(frozen=True)
class Audit:
    """What an audit found."""

    findings: tuple[Finding, ...]
    """Worst first, then by rule, then in the order of the graph."""
    checked: tuple[str, ...]
    """The rules that were run."""
    broken: tuple[str, ...] = ()
    """Rules that could not look at this model, with the reason: nothing is known then."""

    @property
    def fit(self) -> bool:
        """Whether nothing that fails the model was found, and all rules could look at it."""
        return not self.broken and not any(f.severity.fails for f in self.findings)


def audit(
    model: ir.Model, profile: Profile, rules: Iterable[Rule], path: Path | None = None
) -> Audit:
    """Run the rules that apply to the target over a model whose shapes are inferred."""
    view = View(model, profile, path)
    findings: list[Finding] = []
    broken = []
    chosen = [rule for rule in rules if rule.applies(profile)]
    with paused_gc():
        for rule in chosen:
            try:
                findings += rule.check(view)
            except Exception as error:  # noqa: BLE001 - a rule must not take the others with it
                broken.append(f"{rule.id}: {type(error).__name__}: {error}")
    return Audit(ordered(findings), tuple(rule.id for rule in chosen), tuple(broken))


def ordered(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Worst first, then by rule; what one rule found keeps its order."""
    return tuple(sorted(findings, key=lambda f: (_ORDER[f.severity], f.rule)))

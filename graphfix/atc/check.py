"""All rules, one command line."""

from graphfix.atc.request import Request
from graphfix.atc.rules import COMMAND_RULES
from graphfix.finding import Finding, Severity

_ORDER = {severity: place for place, severity in enumerate(Severity)}


def check(request: Request) -> tuple[Finding, ...]:
    """What every rule finds in a command line, the worst first, then by rule."""
    found = [finding for rule in COMMAND_RULES.values() for finding in rule.check(request)]
    return tuple(sorted(found, key=lambda finding: (_ORDER[finding.severity], finding.rule)))

"""The findings of an audit as documents: JSON, SARIF, Markdown, HTML."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote

from graphfix import __version__
from graphfix.audit import Rule
from graphfix.finding import Finding, Severity
from graphfix.report.markdown import escaped, table
from graphfix.report.page import bullets, page, text
from graphfix.report.page import table as html_table
from graphfix.stages.audit import AuditReport

_HEADINGS: Final = ("severity", "rule", "where", "what", "remedy", "evidence")
_LEVELS: Final = {
    Severity.ERROR: "error",
    Severity.WRONG: "error",
    Severity.SLOW: "warning",
    Severity.DYNAMIC: "warning",
    Severity.INFO: "note",
}
_SHOWN: Final = 8
"""Node names of one finding in a table at most; JSON and SARIF have all."""


def as_json(report: AuditReport, rules: Mapping[str, Rule]) -> str:
    """The findings with all their fields."""
    return json.dumps(report.to_dict(), indent=2, ensure_ascii=False) + "\n"


def as_sarif(report: AuditReport, rules: Mapping[str, Rule]) -> str:
    """SARIF 2.1.0 (OASIS), which code hosts and editors show.

    Nodes are logical locations; their severity, evidence and remedy are properties.
    """
    used = sorted({finding.rule for finding in report.audit.findings})
    driver = {
        "name": "graphfix",
        "version": __version__,
        "rules": [_sarif_rule(rules[id_]) for id_ in used],
    }
    results = [
        _sarif_result(finding, report, used.index(finding.rule))
        for finding in report.audit.findings
    ]
    run = {"tool": {"driver": driver}, "results": results}
    document = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def as_markdown(report: AuditReport, rules: Mapping[str, Rule]) -> str:
    """One table."""
    lines = [f"# Audit of {escaped(report.model)}", "", f"**{escaped(report.summary)}**", ""]
    if report.audit.findings:
        lines += table(_HEADINGS, [_row(finding, report) for finding in report.audit.findings])
    lines += [f"- could not be checked: {escaped(line)}" for line in report.audit.broken]
    lines += [f"- {escaped(note)}" for note in report.notes]
    return "\n".join(lines) + "\n"


def as_html(report: AuditReport, rules: Mapping[str, Rule]) -> str:
    """A self-contained page: the table, then the documentation of the rules that spoke."""
    parts = [f"<h1>Audit of {text(report.model)}</h1>", f"<p>{text(report.summary)}</p>"]
    if report.audit.findings:
        parts.append(html_table(_HEADINGS, [_row(f, report) for f in report.audit.findings]))
    parts.append(bullets([*report.audit.broken, *report.notes]))
    for id_ in sorted({finding.rule for finding in report.audit.findings}):
        rule = rules[id_]
        paragraphs = "".join(f"<p>{text(p)}</p>" for p in rule.documentation.split("\n\n"))
        parts.append(f"<h2>{text(id_)}: {text(rule.title)}</h2>{paragraphs}")
    return page(f"Audit of {report.model}", parts)


FORMATS: Final[Mapping[str, Callable[[AuditReport, Mapping[str, Rule]], str]]] = {
    "json": as_json,
    "sarif": as_sarif,
    "md": as_markdown,
    "html": as_html,
}
"""How the findings are written, by the name of the format."""


def _row(finding: Finding, report: AuditReport) -> tuple[str, ...]:
    more = f" and {len(finding.nodes) - _SHOWN} more" if len(finding.nodes) > _SHOWN else ""
    remedy = finding.remedy or finding.advice
    if finding.remedy in report.missing:
        remedy = finding.advice or f"no pass yet ({finding.remedy})"
    return (
        finding.severity.value,
        finding.rule,
        ", ".join(finding.nodes[:_SHOWN]) + more,
        finding.message,
        remedy,
        f"{finding.evidence.value}: {finding.citation}",
    )


def _sarif_rule(rule: Rule) -> dict[str, Any]:
    words = rule.documentation
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": words.partition("\n\n")[0]},
        "help": {"text": words},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
    }


def _sarif_result(finding: Finding, report: AuditReport, index: int) -> dict[str, Any]:
    artifact = {"artifactLocation": {"uri": quote(report.model)}}
    nodes = [{"name": name, "kind": "element"} for name in finding.nodes]
    location: dict[str, Any] = {"physicalLocation": artifact}
    if nodes:
        location["logicalLocations"] = nodes
    about = f"{finding.nodes[0]}: " if len(finding.nodes) == 1 else ""
    return {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": _LEVELS[finding.severity],
        "message": {"text": about + finding.message},
        "locations": [location],
        "properties": {
            "severity": finding.severity.value,
            "evidence": finding.evidence.value,
            "citation": finding.citation,
            "remedy": finding.remedy,
            "advice": finding.advice,
        },
    }

"""The report of ``run``: a table for people, Markdown, and a page with plots."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from graphfix.errors import UsageError
from graphfix.files import write_file
from graphfix.report.markdown import escaped, table
from graphfix.report.page import page, text
from graphfix.report.page import table as html_table
from graphfix.report.plot import bars, line
from graphfix.stages.run import RunReport, Stage, StageResult

_FIGURES: Final = 3
"""Figures in the table of stages; the report lists all."""

HEADINGS: Final = ("stage", "status", "seconds", "result")


def as_json(report: RunReport) -> str:
    """Everything."""
    return json.dumps(report.to_dict(), indent=2, ensure_ascii=False) + "\n"


def as_markdown(report: RunReport) -> str:
    """The stages, the figures, and what the audit has left."""
    lines = [f"# {escaped(_title(report))}", ""]
    lines += table(HEADINGS, summary(report.stages))
    for heading, headings, rows in _tables(report):
        if rows:
            lines += ["", f"## {heading}", "", *table(headings, rows)]
    return "\n".join(lines) + "\n"


def as_html(report: RunReport) -> str:
    """The same as a page, with plots of the errors and of the time of each execution."""
    parts = [f"<h1>{text(_title(report))}</h1>", html_table(HEADINGS, summary(report.stages))]
    parts += [_errors(report), _latency(report)]
    for heading, headings, rows in _tables(report):
        if rows:
            parts += [f"<h2>{text(heading)}</h2>", html_table(headings, rows)]
    return page(_title(report), parts)


FORMATS: Final[Mapping[str, Callable[[RunReport], str]]] = {
    ".json": as_json,
    ".md": as_markdown,
    ".html": as_html,
}
"""How a report is made, by the suffix of its file."""


def write_run_report(report: RunReport, path: Path) -> None:
    """Write the report in the format that the suffix says.

    Raises:
        UsageError: the suffix is unknown, or the file cannot be written.
    """
    if path.suffix.lower() not in FORMATS:
        raise UsageError(f"--report {path}: end the name in one of {', '.join(FORMATS)}")
    write_file(path, FORMATS[path.suffix.lower()](report), "--report")


def _title(report: RunReport) -> str:
    return f"{report.adapter} for {report.target}"


_Table = tuple[str, Sequence[str], list[tuple[str, ...]]]


def _tables(report: RunReport) -> list[_Table]:
    figures = report.facts(Stage.EVALUATE).get("figures", [])
    passes = report.facts(Stage.APPLY).get("passes", [])
    findings = report.facts(Stage.AUDIT).get("findings", [])
    return [
        ("Figures", ("figure", "value"), [(f["name"], _number(f["value"])) for f in figures]),
        (
            "Passes",
            ("pass", "rewrites", "nodes"),
            [(p["pass"], str(p["rewrites"]), f"{p['nodes'][0]} → {p['nodes'][1]}") for p in passes],
        ),
        (
            "Findings that are left",
            ("severity", "rule", "where", "what"),
            [(f["severity"], f["rule"], ", ".join(f["nodes"][:4]), f["message"]) for f in findings],
        ),
    ]


def _errors(report: RunReport) -> str:
    outputs = (report.facts(Stage.APPLY).get("verified") or {}).get("outputs", [])
    rows = []
    for output in outputs:
        seen, allowed = output.get("max_abs"), output.get("allowed")
        if isinstance(seen, (int, float)) and isinstance(allowed, (int, float)):
            label = f"{seen:.3g} of {allowed:.3g} allowed" if seen else "equal, bit for bit"
            rows.append((str(output["output"]), seen / allowed if allowed else 0.0, label))
    return bars(
        "Error of each output",
        rows,
        "Largest difference from the original model, as a part of what is allowed.",
    )


def _latency(report: RunReport) -> str:
    facts = report.facts(Stage.INFER)
    return line(
        "Time of each execution",
        facts.get("times_ms", []),
        "ms",
        f"Milliseconds of computing for each group of samples, on {facts.get('backend', '')}.",
    )


def summary(results: Sequence[StageResult]) -> list[tuple[str, str, str, str]]:
    """Rows for a table: stage, what became of it, seconds, what it found or why not."""
    return [
        (
            result.stage.value,
            result.status.value,
            f"{result.seconds:.1f}" if result.seconds else "",
            result.reason or _said(result),
        )
        for result in results
    ]


def _said(result: StageResult) -> str:
    facts = result.facts
    if result.stage is Stage.EXPORT:
        return (
            f"{facts['model']}"
            if facts.get("given")
            else f"{facts['nodes']} nodes, opset {facts['opset']}"
        )
    if result.stage is Stage.APPLY:
        verified = facts["verified"] or {}
        delta = verified.get("max_abs")
        numbers = f", max |Δ| {delta:.3g}" if isinstance(delta, float) else ""
        return (
            f"{facts['pipeline'] or 'no pass'}: {facts['nodes_before']} → {facts['nodes_after']} "
            f"nodes, {verified.get('status', 'not verified')}{numbers}"
        )
    if result.stage is Stage.AUDIT:
        return str(facts["summary"])
    if result.stage is Stage.CONVERT:
        return str(facts["om"])
    if result.stage is Stage.INFER:
        rate = facts.get("throughput")
        speed = f", {rate:.4g} samples/s" if isinstance(rate, float) else ""
        return f"{facts['samples']} samples on {facts['backend']}{speed}"
    shown = facts["figures"][:_FIGURES]
    figures = ", ".join(f"{f['name']} {_number(f['value'])}" for f in shown)
    return f"{figures} over {facts['samples']} {facts['counted']}; {facts['judged']}"


def _number(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)

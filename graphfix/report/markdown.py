"""The report as Markdown: for a pull request, a ticket, a terminal."""

import re
from collections.abc import Iterable, Sequence

from graphfix.report.facts import (
    COMPARISON_HEADINGS,
    Group,
    comparison_row,
    facts,
    headline,
    number,
    operator_rows,
    rewrites,
    skips,
    verdict,
)
from graphfix.stages.apply import ApplyReport, StepReport
from graphfix.verify import Verification

ROWS = 40
"""Lines of a list at most; the JSON report has them all."""


def markdown(report: ApplyReport) -> str:
    """The whole report."""
    lines = [
        f"# graphfix report: {escaped(report.source.name)}",
        "",
        f"**{escaped(headline(report))}**",
    ]
    if report.composition is not None:
        lines += ["", f"Promise: {escaped(report.composition.statement)}."]
        lines += [f"- {escaped(condition)}" for condition in report.composition.conditions]
    lines += ["", *_passes(report)]
    for step in report.steps:
        lines += ["", *_step(step)]
    if report.final is not None:
        lines += ["", "## Whole pipeline", "", *_verification(report.final)]
    changed = operator_rows(report)
    if changed:
        lines += ["", "## Operators", "", *table(("operator", "before", "after", ""), changed)]
    if report.changes is not None:
        lines += ["", "## Changes", "", *_list(report.changes.lines())]
    if report.atc is not None:
        lines += ["", f"## For {escaped(report.atc.target)}", "", *_list(report.atc.lines())]
    lines += ["", "## Where this comes from", "", *table(("", ""), facts(report))]
    return "\n".join(lines) + "\n"


def _passes(report: ApplyReport) -> list[str]:
    rows = [
        (
            step.text,
            str(len(step.rewrites)),
            "undone" if step.failed else f"{step.nodes[0]} → {step.nodes[1]}",
            step.contract,
            number(step.verification.max_abs if step.verification else None),
            verdict(step.verification, step.failed),
            f"{step.seconds + (step.verification.seconds if step.verification else 0):.2f}",
        )
        for step in report.steps
    ]
    headings = ("pass", "rewrites", "nodes", "contract", "max abs. Δ", "verified", "seconds")
    return table(headings, rows)


def _step(step: StepReport) -> list[str]:
    lines = [f"## {escaped(step.text)}"]
    if step.error or step.rolled_back:
        lines += ["", f"**{escaped(step.error or step.rolled_back)}**"]
    if step.reproduce:
        lines += ["", f"Reproduce with: {_code(step.reproduce)}"]
    if step.rewrites:
        lines += ["", "Rewritten:", "", *_groups(rewrites(step))]
    if step.skips:
        lines += ["", "Left alone:", "", *_groups(skips(step))]
    if step.notes:
        lines += ["", *_list(step.notes)]
    if step.verification is not None:
        lines += ["", *_verification(step.verification)]
    return lines


def _verification(found: Verification) -> list[str]:
    lines = [
        f"{escaped(found.label.capitalize())} in {found.seconds:.2f} s, mode {found.mode.value}."
    ]
    if found.reason:
        lines[0] += f" {escaped(found.reason)}."
    if found.why_full:
        lines.append(f"The whole model was run because {escaped(found.why_full)}.")
    if found.first_diverging:
        lines.append(f"The first tensor that differs is {_code(found.first_diverging)}.")
    if found.feeds:
        lines.append(f"Feeds: {escaped(', '.join(found.feeds))}.")
    if found.comparisons:
        shown = sorted(found.comparisons, key=lambda one: (one.passed, -one.severity))[:ROWS]
        headings = [heading.replace("|Δ|", "abs. Δ") for heading in COMPARISON_HEADINGS]
        lines += ["", *table(headings, [comparison_row(one) for one in shown])]
        lines += _more(len(found.comparisons))
    return lines


def _groups(groups: Sequence[Group]) -> list[str]:
    return _list(
        f"{group.text} ({group.count} times, first {group.first!r})"
        if group.count > 1
        else f"{group.text} ({group.first!r})"
        for group in groups
    )


def _list(items: Iterable[str]) -> list[str]:
    items = list(items)
    return [f"- {escaped(item)}" for item in items[:ROWS]] + _more(len(items))


def _more(count: int) -> list[str]:
    return [f"\n{count - ROWS} more are in the JSON report."] if count > ROWS else []


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table of texts."""
    lines = [_row(headings), "|" + "---|" * len(headings)]
    return lines + [_row(row) for row in rows]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(escaped(cell) for cell in cells) + " |"


def escaped(text: str) -> str:
    """Keep Markdown and HTML from reading anything into names; one line."""
    line = " ".join("".join(c if c.isprintable() else "\ufffd" for c in text).split())
    return re.sub(r"([\\`*_\[\]<>|#&])", r"\\\1", line)


def _code(text: str) -> str:
    line = " ".join("".join(c if c.isprintable() else "\ufffd" for c in text).split())
    fence = "`" * (max(map(len, re.findall("`+", line)), default=0) + 1)
    return f"{fence} {line} {fence}" if fence != "`" else f"`{line}`"

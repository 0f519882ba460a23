"""The report as one HTML page: the verdict first, then each pass with pictures of its rewrites."""

from collections.abc import Sequence

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
from graphfix.report.page import bullets, folded, page, table, text
from graphfix.report.picture import form, picture
from graphfix.stages.apply import ApplyReport, StepReport
from graphfix.verify import Status, Verification

PICTURES = 24
"""Different forms of region that are drawn for one pass."""
ROWS = 200
"""Rows of a table at most; the JSON report has them all."""


def html(report: ApplyReport) -> str:
    """The whole page."""
    parts = [
        f"<h1>graphfix report: {text(report.source.name)}</h1>",
        f'<p class="verdict {_tone(report)}">{text(headline(report))}</p>',
    ]
    if report.composition is not None:
        parts.append(f"<p>Promise: {text(report.composition.statement)}.</p>")
        parts.append(bullets(report.composition.conditions))
    parts.append(_passes(report))
    for step in report.steps:
        parts += _step(step)
    if report.final is not None:
        parts += ["<h2>Whole pipeline against the original</h2>", _verification(report.final)]
    changed = operator_rows(report)
    if changed:
        parts += ["<h2>Operators</h2>", table(("operator", "before", "after", "change"), changed)]
    if report.changes is not None:
        parts += ["<h2>Changes</h2>", _limited(report.changes.lines())]
    if report.atc is not None:
        parts += [f"<h2>For {text(report.atc.target)}</h2>", _limited(report.atc.lines())]
    parts += ["<h2>Where this comes from</h2>", table(("", ""), facts(report))]
    return page(f"graphfix: {report.source.name}", parts)


def _tone(report: ApplyReport) -> str:
    if report.why_not or (report.final and report.final.status is Status.FAILED):
        return "bad"
    return "good" if report.ok and report.final and report.final.passed else "doubt"


def _passes(report: ApplyReport) -> str:
    rows = [
        (
            step.text,
            str(len(step.rewrites)),
            "undone" if step.failed else f"{step.nodes[0]} → {step.nodes[1]}",
            step.contract,
            number(step.verification.max_abs if step.verification else None),
            verdict(step.verification, step.failed),
            f"{step.seconds:.2f}",
            f"{step.verification.seconds if step.verification else 0:.2f}",
        )
        for step in report.steps
    ]
    headings = ("pass", "rewrites", "nodes", "contract", "max |Δ|", "verified", "s", "s to verify")
    return table(headings, rows)


def _step(step: StepReport) -> list[str]:
    parts = [f"<h2>{text(step.text)}</h2>"]
    if step.error or step.rolled_back:
        parts.append(f'<p class="verdict bad">{text(step.error or step.rolled_back)}</p>')
    if step.reproduce:
        parts.append(f"<p>Reproduce with</p><pre>{text(step.reproduce)}</pre>")
    if step.rewrites:
        parts += [f"<h3>Rewritten: {len(step.rewrites)}</h3>", _groups(rewrites(step))]
    parts += _pictures(step)
    if step.skips:
        parts += [f"<h3>Left alone: {len(step.skips)}</h3>", _groups(skips(step))]
    if step.notes:
        parts += ["<h3>Notes</h3>", bullets(step.notes)]
    if step.verification is not None:
        parts += ["<h3>Verification</h3>", _verification(step.verification)]
    return parts


def _pictures(step: StepReport) -> list[str]:
    """One picture for each form of region, the commonest first."""
    forms: dict[object, list[int]] = {}
    for k, site in enumerate(step.sites):
        if site is not None and (site.before or site.after):
            forms.setdefault(form(site), []).append(k)
    parts = []
    for places in sorted(forms.values(), key=lambda found: (-len(found), found[0]))[:PICTURES]:
        first = places[0]
        site = step.sites[first]
        assert site is not None
        same = f", and {len(places) - 1} more of the same form" if len(places) > 1 else ""
        node = str(step.rewrites[first]["node"])
        parts += [f'<p class="dim">At <code>{text(node)}</code>{same}:</p>', picture(site)]
    if len(forms) > PICTURES:
        parts.append(f'<p class="dim">{len(forms) - PICTURES} more forms are not drawn.</p>')
    return parts


def _verification(found: Verification) -> str:
    tone = {Status.PASSED: "good", Status.FAILED: "bad"}.get(found.status, "doubt")
    told = [f"mode {found.mode.value}", f"{found.seconds:.2f} s"]
    if found.contract:
        told.insert(0, f"contract {found.contract}")
    if found.regions:
        told.append(f"{found.regions} region{'s' * (found.regions != 1)} run alone")
    if found.bindings:
        told.append(f"sizes {'; '.join(found.bindings)}")
    label, about = text(found.label), text(", ".join(told))
    parts = [f'<p><b class="{tone}">{label}</b> <span class="dim">({about})</span></p>']
    said = [found.reason] if found.reason else []
    if found.why_full:
        said.append(f"the whole model was run, because {found.why_full}")
    if found.first_diverging:
        said.append(f"the first tensor that differs is {found.first_diverging}")
    parts.append(bullets(said))
    if found.feeds:
        parts.append(folded(f"{len(found.feeds)} sets of feeds", bullets(found.feeds)))
    shown = sorted(found.comparisons, key=lambda one: (one.passed, -one.severity))
    if shown:
        rows = table(COMPARISON_HEADINGS, [comparison_row(one) for one in shown[:ROWS]])
        if len(shown) > ROWS:
            rows += f'<p class="dim">{len(shown) - ROWS} more are in the JSON report.</p>'
        parts.append(folded(f"{len(shown)} compared tensors", rows) if len(shown) > 8 else rows)
    return "".join(parts)


def _groups(groups: Sequence[Group]) -> str:
    return _limited(
        [
            f"{group.text} ({group.count} times, first {group.first})"
            if group.count > 1
            else f"{group.text} ({group.first})"
            for group in groups
        ]
    )


def _limited(items: Sequence[str]) -> str:
    more = f'<p class="dim">{len(items) - ROWS} more are in the JSON report.</p>'
    return bullets(items[:ROWS]) + (more if len(items) > ROWS else "")

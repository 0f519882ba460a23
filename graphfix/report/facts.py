"""What all reports for people say, as plain text: counts, verdicts, reasons."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphfix.stages.apply import ApplyReport, StepReport
from graphfix.verify import OutputComparison, Verification


@dataclass(frozen=True)
class Group:
    """Equal sentences, said once."""

    text: str
    count: int
    first: str
    """The node the first one is about, or that it is about none."""


def headline(report: ApplyReport) -> str:
    """The outcome in a sentence."""
    if report.why_not:
        return f"No model was written: {report.why_not}"
    undone = [step.name for step in report.steps if step.failed or step.rolled_back]
    if undone:
        return f"Written without all that was asked for; see {', '.join(undone)}"
    if report.final is None:
        return "Done, not verified: verification was switched off"
    if not report.final.passed:
        return f"Done, not verified: {report.final.reason}"
    return "Done, and the result computes what the original does"


def verdict(verification: Verification | None, failed: bool = False) -> str:
    """A verdict in two words, with the number of regions that were run by themselves."""
    if verification is None:
        return "failed" if failed else "off"
    count = verification.regions
    return f"{verification.label}{f', {count} region' + 's' * (count != 1) if count else ''}"


def number(value: float | None) -> str:
    """Three digits; empty for ``None``."""
    return "" if value is None else f"{value:.3g}"


def skips(step: StepReport) -> list[Group]:
    """What was left alone, by operator and reason; some passes speak of the whole model."""
    found = []
    for item in step.skips:
        operator = f"{item['op_type']}: " if item["op_type"] else ""
        found.append((f"{operator}{item['reason']}", str(item["node"])))
    return _grouped(found)


def rewrites(step: StepReport) -> list[Group]:
    """What was rewritten, by operator and remark."""
    return _grouped([(_rewrite(item), str(item["node"])) for item in step.rewrites])


def _rewrite(item: Mapping[str, object]) -> str:
    added, removed = (item[key] for key in ("added", "removed"))
    assert isinstance(added, list)
    assert isinstance(removed, list)
    note = f": {item['note']}" if item["note"] else ""
    return f"{item['op_type']}, nodes: {len(removed)} out, {len(added)} in{note}"


def _grouped(items: Sequence[tuple[str, str]]) -> list[Group]:
    found: dict[str, list[str]] = {}
    for text, node in items:
        found.setdefault(text, []).append(node)
    return [Group(text, len(nodes), nodes[0] or "the whole model") for text, nodes in found.items()]


def comparison_row(one: OutputComparison) -> tuple[str, ...]:
    """One compared tensor: name, type, largest differences, allowed, cosine, feeds, verdict."""
    return (
        one.output,
        f"{one.dtype}[{','.join(map(str, one.shape))}]",
        number(one.max_abs),
        number(one.max_rel),
        number(one.allowed),
        f"{one.cosine:.6f}",
        number(one.relative),
        one.feeds,
        "holds" if one.passed else "FAILS",
    )


COMPARISON_HEADINGS = (
    "tensor", "type", "max |Δ|", "max rel. Δ", "allowed", "cosine", "rel. error", "on feeds", "",
)  # fmt: skip


def operator_rows(report: ApplyReport) -> list[tuple[str, str, str, str]]:
    """Nodes by operator, before and after, only where the number has changed."""
    before, after = report.operators
    names = sorted({*before, *after})
    return [
        (name, str(before.get(name, 0)), str(after.get(name, 0)), f"{gain:+d}")
        for name in names
        if (gain := after.get(name, 0) - before.get(name, 0))
    ]


def facts(report: ApplyReport) -> list[tuple[str, str]]:
    """Where the report comes from, as name and value."""
    written = [*report.written, *filter(None, [report.atc.path if report.atc else None])]
    settings = {key: value for key, value in report.settings.items() if value not in (None, [])}
    return [
        ("source", str(report.source)),
        ("SHA-256 of the source", report.source_digest),
        ("pipeline", report.pipeline),
        ("written", ", ".join(map(str, written)) or "nothing"),
        ("settings", ", ".join(f"{key}={_plain(value)}" for key, value in settings.items())),
        ("versions", ", ".join(f"{key} {value}" for key, value in report.versions.items())),
        ("seconds", f"{report.seconds:.2f}"),
    ]


def _plain(value: Any) -> str:
    return ";".join(map(str, value)) if isinstance(value, list) else str(value)

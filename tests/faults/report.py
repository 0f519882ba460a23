"""Numbers and tables of a run."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.faults.alarms import Alarm
from tests.faults.trials import Trial


@dataclass(frozen=True)
class Row:
    """The trials of one group of faults."""

    name: str
    kinds: int
    trials: int
    changed: int
    caught: int
    refused: int
    """Neither passed nor failed: called not verified, and so not written."""
    missed: int


def rows(trials: Sequence[Trial]) -> list[Row]:
    """One row per group, and the total."""
    groups = list(dict.fromkeys(trial.kind.group for trial in trials))
    found = [_row(group, [t for t in trials if t.kind.group == group]) for group in groups]
    return [*found, _row("**all**", trials)]


def _row(name: str, trials: Sequence[Trial]) -> Row:
    changed = [trial for trial in trials if trial.effect.changed]
    states = [trial.verdict.state for trial in changed]
    return Row(
        name,
        len({trial.kind.name for trial in trials}),
        len(trials),
        len(changed),
        sum(state in ("numbers", "structure") for state in states),
        states.count("unverified"),
        states.count("passed"),
    )


def table(trials: Sequence[Trial]) -> str:
    """A Markdown table, a row for each group."""
    lines = [
        "| group | kinds | places | outputs changed | caught | not verified | missed |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for row in rows(trials):
        numbers = (row.kinds, row.trials, row.changed, row.caught, row.refused, row.missed)
        lines.append(f"| {row.name} | " + " | ".join(map(str, numbers)) + " |")
    return "\n".join(lines)


def misses(trials: Iterable[Trial]) -> list[str]:
    """One line for every changed model that passed."""
    return [
        f"{t.kind.name} on {t.example} (place {t.site}): {t.effect.severity:.3g} times the "
        f"contract on {t.effect.share:.0%} of the feeds, worst on {t.effect.feed!r}"
        for t in trials
        if t.missed
    ]


def false_alarms(alarms: Sequence[Alarm]) -> str:
    """How many correct rewrites there were and which were rejected."""
    wrong = [alarm for alarm in alarms if not alarm.verdict.accepted]
    lines = [f"{len(alarms)} correct rewrites, {len(wrong)} rejected"]
    lines += [f"  {a.name} on {a.example}: {a.verdict.state}: {a.verdict.reason}" for a in wrong]
    return "\n".join(lines)

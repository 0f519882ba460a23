"""Which passes remove the findings of an audit, and in which order: ``--passes auto``."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import onnx_ir as ir

from graphfix.audit import Rule
from graphfix.contract import Approximate
from graphfix.errors import PipelineError
from graphfix.finding import Finding
from graphfix.manager import Outcome, PassManager
from graphfix.pipeline import Pipeline, parse, pass_text
from graphfix.plugins import Registry
from graphfix.rewrite import Pass, PassContext, SkipRecord
from graphfix.stages.audit import AuditReport, look
from graphfix.target import Profile

MAX_ROUNDS = 5
"""Rounds of audit and passes before the planner stops."""
_TIMES = 2
"""How often a pass is chosen: what one folds may be a size to another, and the size a constant to
the first. Passes that undo each other would go on for ever."""


@dataclass(frozen=True)
class Choice:
    """A pass that was chosen, and the findings that asked for it."""

    text: str
    round: int
    because: Mapping[str, int]
    """Findings by rule."""

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"pass": self.text, "round": self.round, "because": dict(self.because)}


@dataclass(frozen=True)
class Plan:
    """The passes, and why others are not among them."""

    pipeline: Pipeline
    choices: tuple[Choice, ...]
    refused: Mapping[str, str]
    """Remedies that were not taken, or did nothing, with the reason."""
    skips: tuple[SkipRecord, ...] = field(default=(), repr=False)
    """What the chosen passes left alone."""

    def reason(self, finding: Finding, missing: frozenset[str]) -> str:
        """Why a finding is still there after the plan was carried out."""
        remedy = finding.remedy
        if remedy is None:
            return finding.advice or "no pass removes it"
        if remedy in missing:
            advice = f"; {finding.advice}" if finding.advice else ""
            return f"there is no pass {remedy} yet{advice}"
        for skip in self.skips:
            if skip.node in finding.nodes:
                return f"{remedy}: {skip.reason}"
        return self.refused.get(remedy, f"{remedy} did not remove it")


@dataclass
class Planner:
    """Chooses passes for one model and target; the model is rebuilt by ``source`` each time."""

    source: Callable[[], ir.Model]
    profile: Profile
    rules: Sequence[Rule]
    registry: Registry
    first: Pipeline
    """Passes that run before those chosen."""
    approximate: bool
    """Whether passes may be chosen that compute something else on purpose."""
    max_rounds: int

    def plan(self, excluded: Mapping[str, str]) -> Plan:
        """Audit, run the remedies without verification, audit again, until nothing new is asked.

        ``excluded`` are remedies that failed before, with the reason. Deterministic.
        """
        refused = dict(excluded)
        last: dict[str, int] = {}  # how many choices there were when a pass had run
        choices: list[Choice] = []
        skips: list[SkipRecord] = []
        passes = list(self.first.passes)
        model = self._run(self.source, self.first.passes).model if passes else self.source()
        for number in range(1, self.max_rounds + 1):
            found = look(model, self.profile, self.rules, self.registry)
            # What has run may do something, or more, after what was chosen since.
            often = Counter(choice.text for choice in choices)
            tried = {t for t, n in last.items() if n == len(choices) or often[t] == _TIMES}
            for text in last.keys() - tried:
                refused.pop(text, None)
            asked = self._asked(found, refused, tried)
            if not asked:
                break
            outcome = self._run(model.clone, [item for item, _ in asked])
            done = {step.index: step for step in outcome.steps}
            failed = {failure.step.index: failure.error for failure in outcome.failures}
            for index, (item, because) in enumerate(asked):
                text = pass_text(item)
                if index in failed:
                    refused[text] = f"{text} failed: {failed[index]}"
                    last[text] = len(choices)
                    continue
                step = done[index]
                assert step.result is not None
                skips += step.result.skips
                done_something = step.result.rewrites or step.result.notes
                if not done_something and step.nodes[0] == step.nodes[1]:
                    reasons = dict.fromkeys(skip.reason for skip in step.result.skips)
                    if not often[text]:
                        refused[text] = f"{text}: {'; '.join(reasons) or 'found nothing to change'}"
                    last[text] = len(choices)
                    continue
                passes.append(item)
                choices.append(Choice(text, number, because))
                last[text] = len(choices)
            model = outcome.model
        return Plan(Pipeline(tuple(passes)), tuple(choices), refused, tuple(skips))

    def _asked(
        self, found: AuditReport, refused: dict[str, str], tried: set[str]
    ) -> list[tuple[Pass, Mapping[str, int]]]:
        """The remedies to run in this round, in order, with the rules that ask for each."""
        because: dict[str, dict[str, int]] = {}
        for finding in found.audit.findings:
            remedy = finding.remedy
            if remedy and remedy not in found.missing and remedy not in tried:
                count = because.setdefault(remedy, {})
                count[finding.rule] = count.get(finding.rule, 0) + 1
        items: dict[str, Pass] = {}
        reasons: dict[str, Mapping[str, int]] = {}
        for remedy, rules in because.items():
            for item in _parsed(remedy, self.registry):
                text = pass_text(item)
                if remedy in refused or text in refused or text in tried:
                    continue
                if isinstance(item.contract, Approximate) and not self.approximate:
                    refused[remedy] = (
                        f"{text} computes something else on purpose; --allow approximate takes it"
                    )
                    continue
                other = items.get(item.name)
                if other is not None and other != item:
                    continue  # two settings of one pass: the second may be asked for again
                items[item.name] = item
                reasons[item.name] = {**reasons.get(item.name, {}), **rules}
        return [(items[name], reasons[name]) for name in _ordered(items)]

    def _run(self, source: Callable[[], ir.Model], passes: Iterable[Pass]) -> Outcome:
        optional = tuple(replace(item, optional=True) for item in passes)
        context = PassContext(self.profile)
        return PassManager(Pipeline(optional), context=context, keep_going=True).run(source)


def _parsed(remedy: str, registry: Registry) -> tuple[Pass, ...]:
    try:
        return parse(remedy, registry).passes
    except PipelineError:
        return ()


def _ordered(items: Mapping[str, Pass]) -> list[str]:
    """Names in an order that respects ``after``, otherwise as the findings asked for them."""
    left = dict.fromkeys(items)
    done: list[str] = []
    while left:
        ready = next(
            (
                name
                for name in left
                if not any(other != name and _is_after(items[name], other) for other in left)
            ),
            next(iter(left)),  # passes that want to be after each other: as asked
        )
        del left[ready]
        done.append(ready)
    return done


def _is_after(item: Pass, other: str) -> bool:
    return other in item.after or ("*" in item.after and item.name != other)

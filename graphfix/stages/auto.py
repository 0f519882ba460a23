"""``apply --passes auto``: audit, choose passes, apply them verified, audit again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from graphfix.errors import UsageError
from graphfix.finding import Finding
from graphfix.manager import Instrumentation
from graphfix.model import load
from graphfix.pipeline import Pipeline
from graphfix.plugins import Registry
from graphfix.stages.apply import ApplyReport, ApplyRequest, apply
from graphfix.stages.audit import AuditReport, choose, look
from graphfix.stages.plan import Plan, Planner


@dataclass(frozen=True)
class AutoReport:
    """The plan, what came of it, and what is left."""

    plan: Plan
    before: AuditReport
    applied: ApplyReport
    after: AuditReport
    """Of the result as ATC reads it, where it can be written so."""

    @property
    def left(self) -> tuple[tuple[Finding, str], ...]:
        """The findings that remain, each with the reason."""
        missing = self.after.missing
        return tuple((f, self.plan.reason(f, missing)) for f in self.after.audit.findings)

    @property
    def ok(self) -> bool:
        """Whether the passes held and the model is fit for its target."""
        return self.applied.ok and self.after.audit.fit

    def to_dict(self) -> dict[str, Any]:
        """For JSON: beside the report of ``apply``."""
        return {
            "ok": self.ok,
            "pipeline": str(self.plan.pipeline),
            "choices": [choice.to_dict() for choice in self.plan.choices],
            "before": self.before.summary,
            "after": self.after.summary,
            "left": [{**finding.to_dict(), "reason": reason} for finding, reason in self.left],
            "applied": self.applied.to_dict(),
        }


def auto(
    request: ApplyRequest,
    registry: Registry,
    *,
    approximate: bool,
    max_rounds: int,
    ignore: Sequence[str] = (),
    tell: Callable[[Plan], None] = lambda plan: None,
    onlookers: Sequence[Instrumentation] = (),
) -> AutoReport:
    """Make a model fit for ``request.profile``, as far as passes go.

    ``request.pipeline`` runs first. A chosen pass that fails verification is left out and the rest
    is planned anew. ``tell`` hears of each plan before it is carried out.

    Raises:
        UsageError: there is no target, or an option is wrong.
        ModelError: the model cannot be read or written.
    """
    if request.profile is None:
        raise UsageError("--passes auto needs a --target; 'graphfix targets' lists them")
    rules = choose(registry.rules(), ignore=ignore)
    before = look(load(request.model), request.profile, rules, registry, request.model)
    planner = Planner(
        lambda: load(request.model),
        request.profile,
        rules,
        registry,
        request.pipeline,
        approximate,
        max_rounds,
    )
    excluded: dict[str, str] = {}
    while True:
        plan = planner.plan(excluded)
        tell(plan)
        applied = apply(replace(request, pipeline=plan.pipeline), onlookers=onlookers)
        chosen = {choice.text for choice in plan.choices}
        failed = {s.text: s.error for s in applied.steps if s.failed and s.text in chosen}
        if not failed:
            break
        excluded |= {text: f"{text} did not hold: {error}" for text, error in failed.items()}
    result = (applied.atc and applied.atc.model) or applied.model
    assert result is not None
    after = look(result, request.profile, rules, registry)
    return AutoReport(plan, before, applied, after)


def split(text: str) -> tuple[str, bool]:
    """``gridsample,auto`` as the passes before ``auto``, and whether it is there."""
    head, _, last = text.rpartition(",")
    return (head, True) if last.strip() == "auto" else (text, False)


NOTHING = Pipeline(())
"""For a request whose passes are all chosen."""

"""Every built-in pass on a model, each verified as ``graphfix apply`` does, and then ``auto``."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

import onnx_ir as ir

from graphfix.contract import Approximate
from graphfix.errors import PassError
from graphfix.manager import PassManager
from graphfix.model import load
from graphfix.pipeline import Pipeline, parse
from graphfix.plugins import Registry
from graphfix.rewrite import PassContext
from graphfix.stages.apply import ApplyReport, ApplyRequest, apply
from graphfix.stages.auto import NOTHING, auto
from graphfix.target import Profile
from graphfix.verify import Status


class Verdict(Enum):
    """What came of a pass on a model."""

    NOTHING = "nothing to do"
    RIGHT = "right"
    REFUSED = "refused"
    """The pass said why it cannot do its work, and the model is as it was."""
    UNVERIFIED = "not verified"
    WRONG = "wrong"
    """Another result, an invalid graph, a crash, or a second run that changes something."""

    @property
    def fails(self) -> bool:
        """Whether somebody must look at it."""
        return self in (Verdict.WRONG, Verdict.UNVERIFIED)


@dataclass(frozen=True)
class Applied:
    """One pass on one model."""

    text: str
    verdict: Verdict
    rewrites: int
    skips: int
    reason: str = ""

    def to_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "pass": self.text,
            "verdict": self.verdict.value,
            "rewrites": self.rewrites,
            "skips": self.skips,
            "reason": self.reason,
        }


OPTIONS = {
    "cast-insert": ("cast-insert{to=double,select='op=Sigmoid'}",),
    "gelu": ("gelu", "gelu{mode=restore}"),
    "gridsample": ("gridsample", "gridsample{mode=decompose}"),
    "groupnorm": ("groupnorm", "groupnorm{mode=restore}"),
    "hardswish": ("hardswish", "hardswish{mode=restore}"),
    "layernorm": ("layernorm", "layernorm{mode=restore}"),
    "mish": ("mish", "mish{mode=restore}"),
    "nms-tail": ("nms-tail{optional}", "nms-tail{mode=replace,optional}"),
    "opset": ("opset{to=11}", "opset{to=13}", "opset{to=17}"),
}
"""Passes that want options, or are tried with several; the others run by their bare name."""

ELSEWHERE = ("auto-optimizer",)
"""Passes that need an interpreter of their own, and have tests of their own."""

DEAR = ("sim",)
"""Passes that start a program, and run once only."""


def pipelines(registry: Registry, model: ir.Model) -> Iterator[str]:
    """The text of every built-in pass, once for each way to run it on this model."""
    for name in sorted(set(registry.names()) - set(ELSEWHERE)):
        if name == "out-nodes":
            yield f"out-nodes{{keep=['{model.graph.outputs[0].name}']}}"
        elif name == "dynamic-shape":
            if shape := _free_batch(model):
                yield f"dynamic-shape{{shape='{shape}'}}"
        else:
            yield from OPTIONS.get(name, (name,))


def _free_batch(model: ir.Model) -> str | None:
    """Pipeline text that frees the first dim of the first input, if that is a number now."""
    first = model.graph.inputs[0]
    if first.shape is None or not all(isinstance(dim, int) for dim in first.shape):
        return None
    return f"{first.name}:batch,{','.join(str(dim) for dim in list(first.shape)[1:])}"


def one_pass(path: Path, text: str, registry: Registry, scratch: Path) -> Applied:
    """Run a pass without verification first, since most have nothing to do on most models."""
    (item,) = parse(text, registry).passes
    pipeline = Pipeline((replace(item, optional=True),))
    if item.name not in DEAR:
        trial = PassManager(pipeline).run(lambda: load(path))
        result = trial.steps[0].result if trial.steps else None
        if result is not None and not result.rewrites:
            return Applied(text, Verdict.NOTHING, 0, len(result.skips))
    report = apply(_request(path, pipeline, scratch))
    (step,) = report.steps
    verdict, reason = Verdict.RIGHT, ""
    if step.failed:
        # A pass that refuses leaves nothing to reproduce.
        verdict = Verdict.WRONG if step.reproduce else Verdict.REFUSED
        reason = step.error
    elif report.why_not:
        unverified = report.final is not None and report.final.status is not Status.FAILED
        verdict = Verdict.UNVERIFIED if unverified else Verdict.WRONG
        reason = report.why_not
    elif item.name not in DEAR and (again := _changes_again(report, pipeline)):
        verdict, reason = Verdict.WRONG, again
    if (
        verdict is Verdict.WRONG
        and isinstance(item.contract, Approximate)
        and "crash" not in reason
    ):
        # It computes something else on purpose, and verification measures that it is too far off.
        verdict = Verdict.REFUSED
    return Applied(text, verdict, len(step.rewrites), len(step.skips), reason)


def _changes_again(report: ApplyReport, pipeline: Pipeline) -> str:
    assert report.model is not None
    try:
        second = pipeline.passes[0].run(report.model.clone(), PassContext())
    except PassError as error:
        return f"the second run fails: {error}"
    if second.rewrites:
        return f"the second run changes {second.rewrites[0].to_dict()}"
    return ""


@dataclass(frozen=True)
class Fitted:
    """What ``--passes auto`` made of a model."""

    pipeline: str
    before: dict[str, int]
    after: dict[str, int]
    """Findings by severity."""
    left: tuple[tuple[str, str, str], ...]
    """Rule, message and reason of the errors and wrongs that remain."""
    failure: str
    """Why the result was not accepted, or which pass did not hold; empty when all is well."""

    def to_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "pipeline": self.pipeline,
            "before": self.before,
            "after": self.after,
            "left": [list(each) for each in self.left],
            "failure": self.failure,
        }


def fit(path: Path, registry: Registry, profile: Profile, scratch: Path) -> Fitted:
    """Run ``apply --passes auto`` for a target."""
    request = _request(path, NOTHING, scratch, profile)
    report = auto(request, registry, approximate=False, max_rounds=5)
    unheld = [text for text in report.plan.refused.values() if "did not hold" in text]
    applied = report.applied
    why_not = [applied.why_not, applied.atc.why_not if applied.atc else ""]
    return Fitted(
        str(report.plan.pipeline),
        {severity.value: n for severity, n in report.before.counts.items()},
        {severity.value: n for severity, n in report.after.counts.items()},
        tuple(
            (finding.rule, finding.message, reason)
            for finding, reason in report.left
            if finding.severity.fails
        ),
        "; ".join([*filter(None, why_not), *unheld]),
    )


def _request(
    path: Path, pipeline: Pipeline, scratch: Path, profile: Profile | None = None
) -> ApplyRequest:
    """A run that writes nothing but, on a failure, the pair that shows it."""
    output = scratch / f"{path.stem}.fixed.onnx"
    return ApplyRequest(path, pipeline, output=output, dry_run=True, profile=profile)

"""Compute a metric from a model's outputs and the labels, and judge it."""

import contextlib
import dataclasses
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from graphfix import __version__
from graphfix.errors import UsageError
from graphfix.metrics import (
    METRICS,
    Files,
    Judgement,
    Layout,
    Metric,
    Score,
    Unit,
    judge,
    parse_dtype,
    parse_reference,
    parse_shape,
)
from graphfix.pipeline import parse_one
from graphfix.stages.catalogue import OptionEntry, option_entries


@dataclass(frozen=True)
class EvaluateRequest:
    """What to evaluate; texts are as on the command line.

    ``metric`` is a name with options, such as ``top-k{k=[1]}``; ``index`` is the output of the
    model. Without ``reference`` the figures are not judged.
    """

    outputs: Path
    metric: str
    labels: Path
    index: int | None = None
    dtype: str | None = None
    shape: str | None = None
    reference: str | None = None
    allowed_drop: str | None = None
    figure: str | None = None


@dataclass(frozen=True)
class EvaluateReport:
    """The figures, and how they compare with the reference if there is one."""

    metric: str
    score: Score
    judgement: Judgement | None
    versions: Mapping[str, str]
    """Of what the figures depend on."""

    @property
    def passed(self) -> bool:
        """Whether no reference is missed."""
        return self.judgement is None or self.judgement.passed

    def to_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "metric": self.metric,
            **self.score.to_dict(),
            "judgement": self.judgement.to_dict() if self.judgement else None,
            "versions": dict(self.versions),
        }


@dataclass(frozen=True)
class MetricEntry:
    """One metric, described from its class."""

    name: str
    summary: str
    outputs: str
    labels: str
    options: tuple[OptionEntry, ...]

    def to_dict(self) -> dict[str, object]:
        """For JSON."""
        return dataclasses.asdict(self)


def evaluate(request: EvaluateRequest) -> EvaluateReport:
    """Compute the figures of one metric over a folder or file of outputs, and judge them.

    Raises:
        UsageError: an option is wrong, or outputs and labels cannot be read or do not fit.
    """
    if request.reference is None and (request.allowed_drop or request.figure):
        raise UsageError("--allowed-drop and --figure belong to --reference; give it as well")
    reference = None
    if request.reference is not None:
        reference = parse_reference(request.reference, request.allowed_drop, request.figure)
    metric = parse_one(request.metric, METRICS, "metric")
    files = Files(request.outputs, request.labels, _layout(request, metric))
    score = metric.evaluate(files)
    judgement = judge(score, reference) if reference else None
    if (
        judgement
        and judgement.figure.unit is not Unit.FRACTION
        and "%" in (request.reference or "")
    ):
        raise UsageError(f"--reference {request.reference}: {judgement.figure.name} is no fraction")
    return EvaluateReport(
        request.metric,
        score,
        judgement,
        _versions(("numpy", *metric.libraries)),
    )


def list_metrics() -> Sequence[MetricEntry]:
    """All metrics by name."""
    return [
        MetricEntry(
            name,
            inspect.cleandoc(cls.__doc__ or "").partition("\n")[0],
            cls.outputs,
            cls.labels,
            option_entries(cls),
        )
        for name, cls in METRICS.items()
    ]


def _versions(distributions: Sequence[str]) -> Mapping[str, str]:
    found = {"graphfix": __version__}
    for name in distributions:
        # A metric may not have needed all of its libraries for these files.
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _layout(request: EvaluateRequest, metric: Metric) -> Layout:
    given = [request.index, request.dtype, request.shape]
    if not metric.reads_arrays and any(item is not None for item in given):
        raise UsageError(
            f"--output, --dtype and --shape are for folders of arrays; {metric.name} reads a "
            f"{metric.outputs}"
        )
    return Layout(
        index=request.index or 0,
        dtype=parse_dtype(request.dtype) if request.dtype else None,
        shape=parse_shape(request.shape) if request.shape else None,
    )

"""Apply a pipeline to a model file: load, run and verify the passes, save, report."""

import json
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path

import onnx_ir as ir

from graphfix import __version__
from graphfix.adapter import Adapter
from graphfix.dialect import looks_like_dialect
from graphfix.errors import UsageError
from graphfix.files import check_destination, write_file
from graphfix.instrumentations import CheckStructure, Reproduce, SaveAll, Timing, VerifyNumerics
from graphfix.manager import Instrumentation, Outcome, PassManager
from graphfix.model import ModelDiff, check, diff, digest, infer_shapes, load, save
from graphfix.pipeline import Pipeline
from graphfix.rewrite import PassContext
from graphfix.rewrite.site import Site
from graphfix.stages.dialect import AtcFile, atc_file, second_file
from graphfix.target import Profile
from graphfix.verify import (
    Composition,
    Mode,
    RegionVerifier,
    Status,
    Verification,
    Verifier,
    compose,
)

SCHEMA = 1
"""Version of the JSON report; raised when a key changes its meaning or goes away."""

DEFAULT_MODE = Mode.REGION
"""How passes are verified unless the user says otherwise."""


@dataclass(frozen=True)
class ApplyRequest:
    """What to do. ``output=None`` means beside the input, as ``<stem>.fixed.onnx``."""

    model: Path
    pipeline: Pipeline
    output: Path | None = None
    shapes: Sequence[str] = ()
    data: Path | None = None
    adapter: Adapter | None = None
    """Turns ``data`` into samples."""
    seed: int = 0
    rtol: float | None = None
    atol: float | None = None
    verify: Mode = DEFAULT_MODE
    keep_going: bool = False
    allow_unverified: bool = False
    in_place: bool = False
    dry_run: bool = False
    diff: bool = False
    save_all: Path | None = None
    plugins: Sequence[Path] = ()
    """Plugin files that were loaded; a reproducer names them again."""
    profile: Profile | None = None
    """The compiler that passes may ask what it takes."""
    target_flags: Sequence[str] = ()
    """How the command line named it; a reproducer names it again."""
    reports: Sequence[Path] = ()
    """Where reports will be written; refused before the work starts when they cannot be."""

    @property
    def target(self) -> Path:
        """The file that is written."""
        if self.in_place:
            return self.model
        return self.output or self.model.with_name(f"{self.model.stem}.fixed.onnx")


@dataclass(frozen=True)
class StepReport:
    """What one pass did, and how it was verified."""

    text: str
    name: str
    rewrites: tuple[Mapping[str, object], ...]
    skips: tuple[Mapping[str, object], ...]
    notes: tuple[str, ...]
    nodes: tuple[int, int]
    contract: str
    verification: Verification | None
    seconds: float
    error: str = ""
    reproduce: str = ""
    rolled_back: str = ""
    """Why some rewrites were taken back while the others stand."""
    sites: tuple[Site | None, ...] = field(default=(), repr=False)
    """What each rewrite took out and put in, where it was observed; not in the JSON."""

    @property
    def failed(self) -> bool:
        """Whether the pass failed and was undone."""
        return bool(self.error)

    def to_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "pass": self.name,
            "text": self.text,
            "status": "failed" if self.failed else "done",
            "rewrites": list(self.rewrites),
            "skips": list(self.skips),
            "notes": list(self.notes),
            "nodes_before": self.nodes[0],
            "nodes_after": self.nodes[1],
            "contract": self.contract,
            "verification": self.verification.to_dict() if self.verification else None,
            "seconds": round(self.seconds, 4),
            "error": self.error,
            "reproduce": self.reproduce,
            "rolled_back": self.rolled_back,
        }


@dataclass(frozen=True)
class ApplyReport:
    """The outcome of ``apply``; when ``written`` is empty, ``why_not`` says why."""

    source: Path
    source_digest: str
    pipeline: str
    steps: tuple[StepReport, ...]
    final: Verification | None
    written: tuple[Path, ...]
    why_not: str
    seconds: float
    versions: Mapping[str, str]
    changes: ModelDiff | None = None
    settings: Mapping[str, object] = field(default_factory=dict)
    composition: Composition | None = None
    """What the passes that stand promise together."""
    operators: tuple[Mapping[str, int], Mapping[str, int]] = field(default_factory=lambda: ({}, {}))
    """Nodes by operator type in the original and at the end, subgraphs included."""
    atc: AtcFile | None = None
    """The result as ATC reads it; ``None`` without a target, or when nothing was written."""
    model: ir.Model | None = field(default=None, repr=False, compare=False)
    """The model after the passes that stand; not in the JSON."""

    @property
    def ok(self) -> bool:
        """Whether everything that was asked for was done."""
        return not self.why_not and not any(s.failed or s.rolled_back for s in self.steps)

    def to_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "schema": SCHEMA,
            "ok": self.ok,
            "source": str(self.source),
            "source_digest": self.source_digest,
            "pipeline": self.pipeline,
            "settings": dict(self.settings),
            "steps": [step.to_dict() for step in self.steps],
            "composition": self.composition.to_dict() if self.composition else None,
            "final": self.final.to_dict() if self.final else None,
            "operators_before": dict(self.operators[0]),
            "operators_after": dict(self.operators[1]),
            "written": [str(path) for path in self.written],
            "atc": self.atc.to_dict() if self.atc else None,
            "not_written_because": self.why_not,
            "seconds": round(self.seconds, 4),
            "versions": dict(self.versions),
            "diff": self.changes.to_dict() if self.changes else None,
        }


def apply(request: ApplyRequest, *, onlookers: Sequence[Instrumentation] = ()) -> ApplyReport:
    """Run the pipeline and save the result if it may be trusted.

    Raises:
        UsageError: a file or an option of the request is wrong.
        ModelError: the model cannot be read or written.
    """
    started = time.perf_counter()
    _check_request(request)
    source = _Source(request.model)
    kind = RegionVerifier if request.verify is Mode.REGION else Verifier
    verifier = kind(
        shapes=request.shapes,
        data=request.data,
        adapter=request.adapter,
        seed=request.seed,
        rtol=request.rtol,
        atol=request.atol,
    )
    timing, numerics = Timing(), VerifyNumerics(verifier)
    target = request.target
    folder = target.with_name(f"{target.stem}.failed")
    reproduce = Reproduce(folder, verifier, _repeated_flags(request))
    looks: list[Instrumentation] = [timing, *onlookers]
    if request.verify is not Mode.OFF:
        looks += [CheckStructure(), numerics, reproduce]
    if request.save_all:
        looks.append(SaveAll(request.save_all))
    manager = PassManager(
        request.pipeline,
        context=PassContext(request.profile),
        instrumentations=looks,
        keep_going=request.keep_going,
    )
    outcome = manager.run(source)
    steps = _step_reports(outcome, timing, numerics, reproduce)
    why_not = _why_not(request, outcome, numerics)
    written: tuple[Path, ...] = ()
    atc = None
    model = outcome.model
    changes = diff(load(request.model), model) if request.diff else None
    if not why_not:
        check(model)
        infer_shapes(model)
        _sign(model, request, source.digest, numerics.final)
        if not request.dry_run:
            written = (*save(model, target), *_write_kept(outcome, target))
        if request.profile is not None:
            atc = _for_atc(model, request, request.profile)
    return ApplyReport(
        source=request.model,
        source_digest=source.digest,
        pipeline=str(request.pipeline),
        steps=steps,
        final=numerics.final,
        written=written,
        atc=atc,
        why_not=why_not,
        seconds=time.perf_counter() - started,
        versions=_versions(),
        changes=changes,
        settings=_settings(request),
        composition=compose(
            [(step.text, step.result.contract) for step in outcome.steps if step.result]
        ),
        operators=(source.operators, _operators(model)),
        model=model,
    )


def _write_kept(outcome: Outcome, target: Path) -> tuple[Path, ...]:
    """What passes have kept of that which is gone: ``<model>.<pass>.json`` beside the model."""
    kept: dict[str, dict[str, object]] = defaultdict(dict)
    for step in outcome.steps:
        for rewrite in step.result.rewrites if step.result else ():
            kept[step.item.name].update(rewrite.kept)
    written = []
    for name, facts in kept.items():
        if facts:
            written.append(target.with_name(f"{target.stem}.{name}.json"))
            write_file(written[-1], json.dumps(facts, indent=1) + "\n")
    return tuple(written)


def _for_atc(model: ir.Model, request: ApplyRequest, profile: Profile) -> AtcFile:
    verifier = Verifier(
        shapes=request.shapes, data=request.data, adapter=request.adapter, seed=request.seed
    )
    path = None if request.dry_run else atc_file(request.target)
    return second_file(model, profile, path, verifier if request.verify is not Mode.OFF else None)


class _Source:
    """Loads the model; the first load also gives the digest and is not repeated."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._first: ir.Model | None = load(path)
        self.digest = digest(self._first)
        self.operators = _operators(self._first)

    def __call__(self) -> ir.Model:
        model, self._first = self._first or load(self.path), None
        return model


def _operators(model: ir.Model) -> dict[str, int]:
    counted = Counter(
        f"{node.domain}::{node.op_type}" if node.domain else node.op_type
        for node in model.graph.all_nodes()
    )
    return dict(sorted(counted.items()))


def _check_request(request: ApplyRequest) -> None:
    if request.adapter is not None and request.data is None:
        raise UsageError("--adapter says how to read --data; give the file or folder of the data")
    if request.in_place and request.output:
        raise UsageError("--in-place and -o exclude each other; give one of them")
    target = request.target
    same = target.exists() and request.model.exists() and target.samefile(request.model)
    if same and not request.in_place:
        raise UsageError(f"-o {target} is the input itself; use --in-place to overwrite it")
    if not request.dry_run:
        check_destination(target, "-o" if request.output else "")
    if request.profile is not None and not request.dry_run:
        second = atc_file(target)
        check_destination(second)
        if second.exists() and request.model.exists() and second.samefile(request.model):
            raise UsageError(
                f"the file for ATC would be {second}, which is the input; give another -o"
            )
    for report in request.reports:
        _check_report(report, request.model, target)


def _check_report(report: Path, *models: Path) -> None:
    check_destination(report, "--report")
    for path in models:
        same = report.exists() and path.exists() and path.samefile(report)
        if same or report.absolute() == path.absolute():
            raise UsageError(f"--report {report} is the model itself; give the report its own name")


def _repeated_flags(request: ApplyRequest) -> list[str]:
    flags = [text for path in request.plugins for text in ("--plugin", str(path))]
    flags += request.target_flags
    if request.verify is not DEFAULT_MODE:
        flags += ["--verify", request.verify.value]
    for name, value in (("--rtol", request.rtol), ("--atol", request.atol)):
        if value is not None:
            flags += [name, f"{value:g}"]
    return flags


def _step_reports(
    outcome: Outcome, timing: Timing, numerics: VerifyNumerics, reproduce: Reproduce
) -> tuple[StepReport, ...]:
    failed = {failure.step.index: failure for failure in outcome.failures}
    done = {step.index: step for step in outcome.steps}
    reports = []
    for index in sorted({*failed, *done}):
        failure = failed.get(index)
        step = failure.step if failure else done[index]
        result = step.result
        reports.append(
            StepReport(
                text=step.text,
                name=step.item.name,
                rewrites=tuple(item.to_dict() for item in result.rewrites) if result else (),
                skips=tuple(asdict(item) for item in result.skips) if result else (),
                notes=result.notes if result else (),
                nodes=step.nodes,
                contract=(result.contract if result else step.item.contract).label,
                verification=numerics.steps.get(index),
                seconds=timing.seconds.get(index, 0.0),
                error=str(failure.error) if failure else "",
                reproduce=reproduce.commands.get(index, ""),
                rolled_back=str(outcome.rolled_back.get(index, "")),
                sites=tuple(item.site for item in result.rewrites) if result else (),
            )
        )
    return tuple(reports)


def _why_not(request: ApplyRequest, outcome: Outcome, numerics: VerifyNumerics) -> str:
    """The reason why the model must not be written; empty when it may."""
    if outcome.failures and not request.keep_going:
        return str(outcome.failures[0].error)
    if outcome.rejected is not None:
        return str(outcome.rejected)
    if request.verify is Mode.OFF or request.allow_unverified:
        return ""
    final = numerics.final
    assert final is not None, "a run without failure has a final verification"
    for verification in (*(numerics.steps[step.index] for step in outcome.steps), final):
        if verification.status is not Status.PASSED:
            return f"not verified, because {verification.reason}; {_way_out(request.model)}"
    return ""


def _way_out(model: Path) -> str:
    if looks_like_dialect(load(model)):
        return f"{model.name} is written for ATC, and 'graphfix raise' makes it ONNX"
    return "--allow-unverified writes the model all the same"


def _sign(
    model: ir.Model, request: ApplyRequest, source_digest: str, final: Verification | None
) -> None:
    """Leave in the model where it comes from and whether it was verified."""
    model.metadata_props.update(
        {
            "graphfix.version": __version__,
            "graphfix.pipeline": str(request.pipeline),
            "graphfix.source_sha256": source_digest,
            "graphfix.verification": final.label if final else "off",
        }
    )


def _settings(request: ApplyRequest) -> dict[str, object]:
    return {
        "shapes": list(request.shapes),
        "data": str(request.data) if request.data else None,
        "target": request.profile.name if request.profile else None,
        "adapter": request.adapter.name if request.adapter else None,
        "seed": request.seed,
        "rtol": request.rtol,
        "atol": request.atol,
        "verify": request.verify.value,
        "keep_going": request.keep_going,
        "allow_unverified": request.allow_unverified,
    }


def _versions() -> dict[str, str]:
    packages = ("onnx", "onnx-ir", "onnxruntime", "numpy")
    return {"graphfix": __version__, **{name: version(name) for name in packages}}

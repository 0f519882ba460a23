"""``run``: one model through all stages, from its export to its figures, resumable."""

import inspect
import json
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Any, Final

from graphfix.adapter import Adapter
from graphfix.errors import GraphfixError, UsageError
from graphfix.infer import Backend, Listener
from graphfix.infer import parse as parse_command
from graphfix.metrics import judge
from graphfix.model import digest, load
from graphfix.pipeline import Pipeline, parse
from graphfix.plugins import Registry
from graphfix.stages import auto as auto_stage
from graphfix.stages import convert as convert_stage
from graphfix.stages.apply import ApplyReport, ApplyRequest, apply
from graphfix.stages.audit import AuditRequest
from graphfix.stages.audit import run as audit
from graphfix.stages.convert_plan import ConvertRequest
from graphfix.stages.export import ExportRequest, arguments, export, script_of
from graphfix.stages.infer import infer
from graphfix.stages.run_cache import Cache, Record, file_digest, key_of, listing_digest
from graphfix.stages.run_samples import write_samples
from graphfix.target import load_profile

SCHEMA: Final = 1
"""Version of the JSON report; raised when a key changes its meaning or goes away."""

_TAIL: Final = 12
"""Lines of a program's output that the reason of a failure shows."""


class Stage(str, Enum):
    """The stages, in their order."""

    EXPORT = "export"
    APPLY = "apply"
    AUDIT = "audit"
    CONVERT = "convert"
    INFER = "infer"
    EVALUATE = "evaluate"


class Status(str, Enum):
    """What became of a stage."""

    DONE = "done"
    CACHED = "cached"
    """Done by an earlier run, from the same."""
    NOT_RUN = "not run"
    FAILED = "failed"


@dataclass(frozen=True)
class StageResult:
    """One stage of a run."""

    stage: Stage
    status: Status
    reason: str = ""
    """Why it was not run, or how it failed."""
    seconds: float = 0.0
    facts: Mapping[str, Any] = field(default_factory=dict)
    exit_code: int = 0
    """Of the error it failed with."""

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "stage": self.stage.value,
            "status": self.status.value,
            "reason": self.reason,
            "seconds": round(self.seconds, 3),
            "facts": dict(self.facts),
        }


@dataclass(frozen=True)
class RunReport:
    """All stages of a run."""

    adapter: str
    target: str
    folder: Path
    stages: tuple[StageResult, ...]

    @property
    def exit_code(self) -> int:
        """0 when no stage failed, else that of the first that did."""
        return next((s.exit_code or 1 for s in self.stages if s.status is Status.FAILED), 0)

    def facts(self, stage: Stage) -> Mapping[str, Any]:
        """What a stage has found; nothing when it did not run."""
        return next((result.facts for result in self.stages if result.stage is stage), {})

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "schema": SCHEMA,
            "ok": self.exit_code == 0,
            "adapter": self.adapter,
            "target": self.target,
            "folder": str(self.folder),
            "stages": [result.to_dict() for result in self.stages],
        }


@dataclass(frozen=True)
class RunRequest:
    """What to run, and from what."""

    adapter: Adapter
    folder: Path
    """Where everything is kept; made if it is missing."""
    data: Path | None = None
    """The dataset; ``None`` for the adapter's small one."""
    model: Path | None = None
    """An exported model, instead of the adapter's export."""
    random_weights: bool = False
    checkpoint: Path | None = None
    upstream: Path | None = None
    python: str = sys.executable
    options: Mapping[str, str] = field(default_factory=dict)
    """Of the export script."""
    seed: int = 0
    target: str | None = None
    """``None`` for the adapter's own; so is ``cann``."""
    cann: str | None = None
    target_files: tuple[Path, ...] = ()
    host: str | None = None
    backend: Backend = Backend.AUTO
    until: Stage = Stage.EVALUATE
    restart: Stage | None = None
    """Do this stage and those after it again, whatever is cached."""


def run(
    request: RunRequest,
    registry: Registry,
    listener: Listener,
    tell: Callable[[StageResult], None] = lambda result: None,
) -> RunReport:
    """Run the stages; ``tell`` hears of each when it has ended.

    A failed stage is in the report, and so is why later ones were not run.

    Raises:
        UsageError: the folder cannot be used, a target is unknown, or the options do not fit the
            export; nothing is left behind then.
    """
    return _Run(request, registry, listener, tell).all()


class _NotRun(Exception):
    """A stage cannot be run here, which is no failure."""


class _Run:
    def __init__(
        self,
        request: RunRequest,
        registry: Registry,
        listener: Listener,
        tell: Callable[[StageResult], None],
    ) -> None:
        self.request = request
        self.adapter = request.adapter
        self.registry = registry
        self.listener = listener
        self.tell = tell
        self.target = request.target or self.adapter.target
        self.cann = request.cann or self.adapter.cann
        self.profile = load_profile(self.target, self.cann, request.target_files)
        self.folder = request.folder
        classes = type(self.adapter).__mro__[: type(self.adapter).__mro__.index(Adapter)]
        self.code = [file_digest(Path(inspect.getfile(cls))) for cls in classes]
        self.results: list[StageResult] = []
        self.records: dict[Stage, Record] = {}
        self.made_folder = not self.folder.exists()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{self.folder}: cannot be used as a folder: {error}") from error
        self.cache = Cache(self.folder / "stages")

    def all(self) -> RunReport:
        order = list(Stage)
        if self.request.restart is not None:
            again = order[order.index(self.request.restart) :]
            self.cache.forget(stage.value for stage in again)
        for stage in order:
            if order.index(stage) > order.index(self.request.until):
                result = StageResult(stage, Status.NOT_RUN, f"--until {self.request.until.value}")
            else:
                result = self._stage(stage)
            self.results.append(result)
            self.tell(result)
        return RunReport(self.adapter.name, self.profile.name, self.folder, tuple(self.results))

    def _stage(self, stage: Stage) -> StageResult:
        missing = next((need for need in _NEEDS[stage] if need not in self.records), None)
        if missing is not None:
            return StageResult(stage, Status.NOT_RUN, f"it needs what {missing.value} makes")
        started = time.perf_counter()
        try:
            key, work = getattr(self, f"_{stage.value}")()
            record = self.cache.read(stage.value, key)
            status = Status.CACHED
            if record is None:
                record = replace(work(), key=key, seconds=time.perf_counter() - started)
                self.cache.write(stage.value, record)
                status = Status.DONE
        except _NotRun as reason:
            return StageResult(stage, Status.NOT_RUN, str(reason))
        except _Failed as failure:
            seconds = time.perf_counter() - started
            return StageResult(stage, Status.FAILED, str(failure), seconds, failure.facts, 1)
        except GraphfixError as error:
            if stage is Stage.EXPORT and isinstance(error, UsageError):
                if self.made_folder:
                    shutil.rmtree(self.folder, ignore_errors=True)
                raise  # nothing was done that there could be a report of
            seconds = time.perf_counter() - started
            return StageResult(stage, Status.FAILED, str(error), seconds, {}, error.exit_code)
        self.records[stage] = record
        return StageResult(stage, status, "", record.seconds, record.facts)

    def _place(self, stage: Stage) -> Path:
        """An empty folder for what the stage writes."""
        place = self.folder / stage.value
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        return place

    # Each stage says what its result depends on, and how to get it.

    def _export(self) -> "_Plan":
        request = self.request
        if request.model is not None:
            given = request.model
            return key_of(model=digest(load(given)), path=given), lambda: Record(
                {"model": str(given), "given": True}
            )
        script = script_of(self.adapter)
        export_request = ExportRequest(
            self.folder / "export" / "model.onnx",
            self.folder / "export.log",
            request.seed,
            request.random_weights,
            request.checkpoint,
            request.upstream,
            request.python,
            request.options,
        )
        words = arguments(self.adapter, export_request)
        key = key_of(
            script=file_digest(script),
            words=words,
            python=request.python,
            checkpoint=file_digest(request.checkpoint) if request.checkpoint else None,
        )

        def work() -> Record:
            place = self._place(Stage.EXPORT)
            lines = export(self.adapter, export_request)
            model = load(export_request.output)
            facts = {
                "model": str(export_request.output),
                "given": False,
                "opset": model.opset_imports.get("", 0),
                "nodes": sum(1 for _ in model.graph.all_nodes()),
                "random_weights": request.random_weights,
                "said": list(lines[-5:]),
            }
            return Record(facts, (place,))

        return key, work

    def _apply(self) -> "_Plan":
        source = Path(self.records[Stage.EXPORT].facts["model"])
        data = self._data()
        key = key_of(
            model=digest(load(source)),
            pipeline=self.adapter.pipeline,
            target=self.profile.name,
            target_files=[file_digest(path) for path in self.request.target_files],
            shapes=self.adapter.shapes,
            data=listing_digest(data),
            adapter=self.code,
            seed=self.request.seed,
        )

        def work() -> Record:
            place = self._place(Stage.APPLY)
            first, chooses = auto_stage.split(self.adapter.pipeline)
            request = ApplyRequest(
                model=source,
                pipeline=parse(first, self.registry) if first else Pipeline(()),
                output=place / "model.fixed.onnx",
                shapes=self.adapter.shapes,
                data=data,
                adapter=self.adapter,
                seed=self.request.seed,
                profile=self.profile,
            )
            if chooses:
                chosen = auto_stage.auto(request, self.registry, approximate=False, max_rounds=5)
                report = chosen.applied
            else:
                report = apply(request)
            facts = _apply_facts(report, place / "model.fixed.onnx")
            if not report.ok:
                raise _Failed(report.why_not or _failures(report), facts)
            return Record(facts, (place,))

        return key, work

    def _audit(self) -> "_Plan":
        model = Path(self.records[Stage.APPLY].facts["model"])
        key = key_of(
            model=file_digest(model),
            target=self.profile.name,
            target_files=[file_digest(path) for path in self.request.target_files],
        )

        def work() -> Record:
            found = audit(
                AuditRequest(model, self.target, self.cann, self.request.target_files),
                self.registry,
            )
            facts = {
                "summary": found.summary,
                "counts": {severity.value: n for severity, n in found.counts.items()},
                "findings": found.to_dict()["findings"],
            }
            if not found.audit.fit:
                worst = found.audit.findings[0] if found.audit.findings else None
                said = (
                    f"{worst.rule} {', '.join(worst.nodes[:2])}: {worst.message}" if worst else ""
                )
                raise _Failed(f"{found.summary}; first: {said or found.audit.broken[0]}", facts)
            return Record(facts)

        return key, work

    def _convert(self) -> "_Plan":
        model = Path(self.records[Stage.APPLY].facts["model"])
        key = key_of(
            model=file_digest(model),
            target=self.profile.name,
            shapes=self.adapter.shapes,
            atc=dict(self.adapter.atc),
            gears=self.adapter.gears,
            input_format=self.adapter.input_format,
            precision=self.adapter.precision,
            host=self.request.host,
        )

        def work() -> Record:
            place = self._place(Stage.CONVERT)
            request = ConvertRequest(
                model=model,
                output=place,
                target=self.target,
                cann=self.cann,
                target_files=self.request.target_files,
                shapes=self.adapter.shapes,
                gears=self.adapter.gears,
                input_format=self.adapter.input_format,
                precision=self.adapter.precision,
                flags=tuple(f"{name}={value}" for name, value in self.adapter.atc.items()),
                host=self.request.host,
            )
            done = convert_stage.convert(request, self.registry, self.listener.line)
            facts = {**done.to_dict(), "om": None}
            if done.status is convert_stage.Status.SCRIPT:
                raise _NotRun(done.reason)
            if done.status is not convert_stage.Status.CONVERTED:
                raise _Failed(done.reason, facts)
            return Record({**facts, "om": str(done.files[0])}, (place,))

        return key, work

    def _infer(self) -> "_Plan":
        converted = self.records.get(Stage.CONVERT)
        model = self.records[Stage.APPLY].facts["model"]
        if converted is not None and self.request.backend is not Backend.ONNXRUNTIME:
            model = converted.facts["om"]
        elif self.request.backend is Backend.ASCEND:
            raise _Failed("--backend ascend needs the .om that convert makes", {})
        host = self.request.host if Path(model).suffix == ".om" else None
        data = self._data()
        key = key_of(
            model=file_digest(Path(model)),
            host=host,
            data=listing_digest(data),
            adapter=self.code,
            backend=self.request.backend.value,
            batchsize=self.adapter.batchsize,
        )

        def work() -> Record:
            place = self._place(Stage.INFER)
            folders, count = write_samples(self.adapter, data, place / "samples", model)
            words = ["--model", model, "--input", ",".join(folders), "--output", str(place)]
            words += ["--output_dirname", "outputs", "--outfmt", "NPY"]
            words += [*self._sizes(model), "--backend", self.request.backend.value]
            if host is not None:
                words += ["--host", host]
            report = infer(parse_command(words, "graphfix run", words), self.listener)
            if not report.ok:
                log = report.tool.log.strip().splitlines() if report.tool else []
                said = "\n".join(f"  {line}" for line in log[-_TAIL:])
                raise _Failed(f"ais_bench failed:\n{said}", report.to_dict())
            shutil.rmtree(place / "samples")
            facts = {
                **report.to_dict(),
                "samples": count,
                "outputs": str(place / "outputs"),
                "times_ms": _times(place / "outputs_summary.json"),
            }
            return Record(facts, (place,))

        return key, work

    def _sizes(self, model: str) -> list[str]:
        """What says the sizes of a model that leaves some open."""
        shapes, compiled = self.adapter.shapes, Path(model).suffix == ".om"
        if compiled and self.adapter.gears:
            return ["--auto_set_dymdims_mode", "1"]
        open_ = any("~" in shape for shape in shapes) if compiled else _is_open(Path(model))
        if not open_:
            return []
        if len(shapes) == 1 and "~" not in shapes[0]:
            return ["--dymShape", shapes[0]]
        return ["--auto_set_dymshape_mode", "1"]

    def _evaluate(self) -> "_Plan":
        outputs = Path(self.records[Stage.INFER].facts["outputs"])
        data = self._data()
        real = not self.request.random_weights and self.request.data is not None
        reference = self.adapter.reference if real else None
        key = key_of(
            infer=self.records[Stage.INFER].key,
            data=listing_digest(data),
            adapter=self.code,
            reference=reference,
        )

        def work() -> Record:
            score = self.adapter.score(outputs, data)
            judgement = judge(score, reference) if reference is not None else None
            facts = {
                **score.to_dict(),
                "judgement": judgement.to_dict() if judgement else None,
                "judged": str(judgement) if judgement else self._why_not_judged(),
            }
            if judgement is not None and not judgement.passed:
                raise _Failed(str(judgement), facts)
            return Record(facts)

        return key, work

    def _why_not_judged(self) -> str:
        if self.request.random_weights:
            return "not judged: the weights are random"
        if self.request.data is None:
            return "not judged: the reference is for the whole dataset, not for the small one"
        return "not judged: the adapter has no reference"

    def _data(self) -> Path:
        """The dataset; the small one is written once."""
        if self.request.data is not None:
            if not self.request.data.exists():
                raise UsageError(f"--dataset {self.request.data}: there is no such file or folder")
            return self.request.data
        folder = self.folder / "tiny"
        if not folder.is_dir():
            partial = self.folder / "tiny.partial"
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            self.adapter.tiny(partial)
            partial.rename(folder)
        return folder


_Plan = tuple[str, Callable[[], Record]]
"""What the result depends on, and how to get it."""

_NEEDS: Final[Mapping[Stage, tuple[Stage, ...]]] = {
    Stage.EXPORT: (),
    Stage.APPLY: (Stage.EXPORT,),
    Stage.AUDIT: (Stage.APPLY,),
    Stage.CONVERT: (Stage.APPLY, Stage.AUDIT),
    Stage.INFER: (Stage.APPLY,),
    Stage.EVALUATE: (Stage.INFER,),
}


class _Failed(Exception):
    """A stage came to its end, and the model is not good."""

    def __init__(self, message: str, facts: Mapping[str, Any]) -> None:
        self.facts = facts
        super().__init__(message)


def _is_open(model: Path) -> bool:
    return any(
        not isinstance(dim, int)
        for value in load(model).graph.inputs
        if not value.is_initializer()
        for dim in value.shape or (None,)
    )


def _times(summary: Path) -> list[float]:
    """The time of each execution in milliseconds, as ais_bench's summary lists them."""
    listed = json.loads(summary.read_text(encoding="utf-8")).get("npu_compute_time_list", [])
    return [float(each) for each in listed if isinstance(each, (int, float))]


def _apply_facts(report: ApplyReport, model: Path) -> dict[str, Any]:
    final = report.final
    return {
        "model": str(model),
        "pipeline": report.pipeline,
        "passes": [
            {"pass": s.text, "rewrites": len(s.rewrites), "nodes": list(s.nodes)}
            for s in report.steps
        ],
        "nodes_before": sum(report.operators[0].values()),
        "nodes_after": sum(report.operators[1].values()),
        "verified": final.to_dict() if final is not None else None,
    }


def _failures(report: ApplyReport) -> str:
    return "; ".join(step.error or step.rolled_back for step in report.steps if step.failed)

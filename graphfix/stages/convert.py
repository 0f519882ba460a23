"""Convert a model with ATC: check, write what it needs, run it, say what became of it."""

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any, Final

import onnx_ir as ir

from graphfix.atc.check import check
from graphfix.atc.decode import Diagnosis, decode, says_success
from graphfix.atc.model_facts import model_facts
from graphfix.atc.request import Request
from graphfix.atc.shapes import OPEN
from graphfix.atc.shell import FoundCommand
from graphfix.dialect import looks_like_dialect, lower
from graphfix.errors import UsageError
from graphfix.finding import Finding
from graphfix.model import load, save
from graphfix.plugins import Registry
from graphfix.runners.atc import find_atc
from graphfix.runners.program import End, ProgramRun, run_program
from graphfix.runners.ssh import check_host, run_on_host
from graphfix.sandbox import signal_name
from graphfix.stages.audit import choose, look
from graphfix.stages.convert_plan import SCRIPT, ConvertPlan, ConvertRequest, plan_conversion
from graphfix.target import Profile, load_profile

_OPEN_DIMS: Final = "GF133"
"""Dims that the model leaves open: the command settles them, and its own rules look at that."""

_WEIGHTS: Final = "weight"
"""Folder beside the ``.om`` that ``--external_weight`` fills."""


class Status(Enum):
    """How a conversion ended."""

    CONVERTED = "converted"
    REFUSED = "refused"
    """Findings say that it would fail; nothing was written."""
    FAILED = "failed"
    """ATC ran and did not succeed."""
    SCRIPT = "script"
    """ATC was not run; the script was written."""


@dataclass(frozen=True)
class Conversion:
    """What became of a conversion."""

    status: Status
    reason: str
    """A sentence for people; empty when converted."""
    target: str
    command: tuple[str, ...]
    findings: tuple[Finding, ...]
    files: tuple[Path, ...] = ()
    """Everything that was written, the ``.om`` first where there is one."""
    diagnoses: tuple[Diagnosis, ...] = ()
    notes: tuple[str, ...] = ()
    log: Path | None = None
    tool: str = ""
    """What ran: the path of atc, or the host; empty where nothing did."""
    exit_status: int | None = None
    """Of ATC; negative for a signal."""
    seconds: float = 0.0
    """Of ATC."""

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "status": self.status.value,
            "reason": self.reason,
            "target": self.target,
            "command": list(self.command),
            "findings": [finding.to_dict() for finding in self.findings],
            "files": list(map(str, self.files)),
            "diagnoses": [diagnosis.to_dict() for diagnosis in self.diagnoses],
            "notes": list(self.notes),
            "log": str(self.log) if self.log else None,
            "tool": self.tool,
            "exit_status": self.exit_status,
            "seconds": round(self.seconds, 3),
        }


def convert(
    request: ConvertRequest, registry: Registry, on_line: Callable[[str], None]
) -> Conversion:
    """Convert a model; ``on_line`` gets each line of ATC as it comes.

    Files appear in the folder when they are complete: the model as ATC reads it, what the command
    names, the script, and after ATC its log and the ``.om``. An ``.om`` that was there before is
    replaced by a new one only.

    Raises:
        UsageError: an option that does not fit, or a file or folder that cannot be used.
        ModelError: the model cannot be read or written, or has no spelling for ATC.
        ToolError: ATC or ssh cannot be started.
    """
    profile = load_profile(request.target, request.cann, request.target_files)
    if request.host is not None:
        check_host(request.host)
    model, spelling = _lowered(load(request.model), profile)
    plan = plan_conversion(request, model, profile)
    _check_folder(request, plan)
    with _scratch(request.output) as scratch:
        _write(plan, model, scratch)
        findings, notes = _check(plan, model, profile, registry, scratch)
        conversion = Conversion(
            Status.SCRIPT,
            "",
            profile.name,
            plan.command.words(),
            findings,
            notes=(*spelling, *notes),
        )
        failing = dict.fromkeys(each.rule for each in findings if each.severity.fails)
        if failing and not request.force:
            reason = f"{', '.join(failing)}: it would fail, or be another model; --force goes on"
            return replace(conversion, status=Status.REFUSED, reason=reason)
        if request.script_only:
            files = _keep(scratch, request.output)
            return replace(conversion, reason="atc was not to be run", files=files)
        outcome = _run(request, plan, scratch, on_line)
        if outcome is None:
            files = _keep(scratch, request.output)
            reason = (
                "atc is neither on the PATH nor in ASCEND_HOME_PATH, ASCEND_TOOLKIT_HOME or the "
                f"usual folders; copy {request.output} to a machine with CANN and run "
                f"'bash {SCRIPT}' there, or give --host user@machine"
            )
            return replace(conversion, reason=reason, files=files)
        return _judged(conversion, request, plan, scratch, *outcome)


def _judged(
    conversion: Conversion,
    request: ConvertRequest,
    plan: ConvertPlan,
    scratch: Path,
    tool: str,
    run: ProgramRun,
) -> Conversion:
    """What the run of ATC makes of a conversion; its files go where they belong."""
    found = _results(plan, [path.name for path in scratch.iterdir()])
    reason = _why_failed(run, found, scratch, request.timeout)
    if reason:
        for name in found:
            _remove(scratch / name)
    files = _keep(scratch, request.output, first=() if reason else found)
    log = request.output / _log_name(plan)
    cut = (f"{log} is not complete: {run.log_error}",) if run.log_error else ()
    return replace(
        conversion,
        status=Status.FAILED if reason else Status.CONVERTED,
        reason=reason,
        files=files,
        diagnoses=_diagnose(run.lines, conversion.findings) if reason else (),
        notes=(*conversion.notes, *cut),
        log=log,
        tool=tool,
        exit_status=run.status,
        seconds=run.seconds,
    )


def _lowered(model: ir.Model, profile: Profile) -> tuple[ir.Model, tuple[str, ...]]:
    """The model in ATC's spelling, and what is spelled differently; such a file stays as it is."""
    if looks_like_dialect(model):
        return model, ("the file is in ATC's spelling already, and was not lowered",)
    lowered = lower(model, profile)
    return lowered.model, lowered.report.lines()


def _check_folder(request: ConvertRequest, plan: ConvertPlan) -> None:
    """Refuse to write over the model that is read."""
    if (request.output / plan.command.model).resolve() == request.model.resolve():
        raise UsageError(f"-o {request.output}: {request.model} would be replaced; choose another")


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """A hidden folder, gone afterwards; so is ``folder`` if it was new and is empty."""
    new = not folder.exists()
    try:
        folder.mkdir(exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".convert-", dir=folder))
    except OSError as error:
        raise UsageError(
            f"-o {folder}: cannot be used as a folder: {error.strerror or error}"
        ) from error
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        if new and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _write(plan: ConvertPlan, model: ir.Model, scratch: Path) -> None:
    save(model, scratch / plan.command.model)
    try:
        for name, text in {**plan.files, SCRIPT: plan.script}.items():
            (scratch / name).write_text(text, encoding="utf-8")
        (scratch / SCRIPT).chmod(0o755)
    except OSError as error:
        raise UsageError(f"-o {scratch.parent}: cannot be written: {error.strerror}") from error


def _check(
    plan: ConvertPlan, model: ir.Model, profile: Profile, registry: Registry, scratch: Path
) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    """What is known to be wrong, of the command and of the model, and what could not be checked."""
    path = scratch / plan.command.model
    facts = model_facts(model, path)
    command = FoundCommand(plan.command.words()[1:], 1)
    found = check(Request(command, facts, profile.cann, scratch))
    rules = choose(registry.rules(), ignore=(_OPEN_DIMS,))
    report = look(_with_sizes(model, plan), profile, rules, registry, path=path)
    broken = tuple(f"could not be checked: {text}" for text in report.audit.broken)
    return (*found, *report.audit.findings), (*report.notes, *broken)


def _with_sizes(model: ir.Model, plan: ConvertPlan) -> ir.Model:
    """A copy of the model in which the dims that the command fixes have their size."""
    model = model.clone()
    shapes = {shape.name: shape.dims for shape in plan.command.input_shape}
    sizes: dict[str | None, int] = {}
    for value in model.graph.inputs:
        for old, new in zip(value.shape or (), shapes.get(value.name or "", ()), strict=False):
            if isinstance(old, ir.SymbolicDim) and isinstance(new, int) and new != OPEN:
                sizes[old.value] = new
    sizes.pop(None, None)
    made = (value for node in model.graph.all_nodes() for value in node.outputs)
    for value in (*model.graph.inputs, *made):
        if value.shape is not None:
            dims = (sizes.get(d.value, d) if not isinstance(d, int) else d for d in value.shape)
            value.shape = ir.Shape(dims)
    return model


def _run(
    request: ConvertRequest, plan: ConvertPlan, scratch: Path, on_line: Callable[[str], None]
) -> tuple[str, ProgramRun] | None:
    """Run ATC here or on the host; none where there is none here."""
    log = scratch / _log_name(plan)
    if request.host is not None:
        files = sorted(scratch.iterdir())
        run = run_on_host(
            request.host,
            {"": files},
            SCRIPT,
            lambda names: _results(plan, names),
            into=scratch,
            log=log,
            timeout=request.timeout,
            on_line=on_line,
        )
        return request.host, run
    atc = find_atc()
    if atc is None:
        return None
    run = run_program(
        (str(atc.program), *plan.command.words()[1:]),
        folder=scratch,
        environment=atc.environment,
        log=log,
        timeout=request.timeout,
        on_line=on_line,
    )
    return str(atc.program), run


def _log_name(plan: ConvertPlan) -> str:
    return f"{plan.command.output}.atc.log"


def _results(plan: ConvertPlan, names: Sequence[str]) -> tuple[str, ...]:
    """The ``.om`` (dynamic ones carry the system in their name) and its folder of weights."""
    om = re.compile(rf"{re.escape(plan.command.output)}(_linux_\w+)?\.om")
    found = sorted(name for name in names if om.fullmatch(name))
    return (*found, *(name for name in names if found and name == _WEIGHTS))


def _why_failed(run: ProgramRun, found: Sequence[str], scratch: Path, timeout: float | None) -> str:
    """Empty when ATC succeeded in every respect."""
    success = says_success(run.lines)
    if run.end is End.TIMEOUT:
        return f"atc was stopped after {timeout:g} s, as --timeout asks"
    if run.end is End.KILLED:
        name = signal_name(run.status)
        memory = "; the machine may have run out of memory" if name == "SIGKILL" else ""
        return f"atc was ended by {name}{memory}"
    if run.status != 0:
        also = ", although it wrote its line of success" if success else ""
        return f"atc ended with status {run.status}{also}"
    if not success:
        return "atc ended with status 0, but without its line of success"
    if not found or not (scratch / found[0]).stat().st_size:
        return "atc wrote its line of success, but no .om"
    return ""


def _diagnose(lines: Sequence[str], findings: Sequence[Finding]) -> tuple[Diagnosis, ...]:
    """The errors of ATC; where the audit knows the node, with the remedy that it names."""
    remedies: Mapping[str, str] = {
        node: finding.remedy
        for finding in reversed(findings)
        if finding.remedy
        for node in finding.nodes
    }
    return tuple(
        replace(diagnosis, fixing_pass=remedies.get(diagnosis.node, diagnosis.fixing_pass))
        for diagnosis in decode(lines)
    )


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _keep(scratch: Path, folder: Path, first: Sequence[str] = ()) -> tuple[Path, ...]:
    """Move what is worth keeping out of the scratch folder, ``first`` before the others."""
    # ATC leaves kernel_meta, fusion_result.json and more behind; nobody needs them.
    made = {"kernel_meta", "fusion_result.json", _WEIGHTS} - set(first)
    names = sorted(path.name for path in scratch.iterdir() if path.name not in made)
    order = [*first, *(name for name in names if name not in first)]
    try:
        for name in order:
            if name == _WEIGHTS:
                _remove(folder / name)
            os.replace(scratch / name, folder / name)
    except OSError as error:
        raise UsageError(
            f"{folder / name}: cannot be written: {error.strerror or error}"
        ) from error
    return tuple(folder / name for name in order)

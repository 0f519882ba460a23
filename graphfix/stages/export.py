"""Run the export script of an adapter, in the interpreter that has its framework."""

import contextlib
import inspect
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from graphfix.adapter import Adapter, Export
from graphfix.errors import ToolError, UsageError

_REFUSED = 2
"""Status with which argparse ends a script whose options are wrong."""
_TAIL = 25
"""Lines of the script's output that an error shows."""


@dataclass(frozen=True)
class ExportRequest:
    """What the script is told; see :class:`graphfix.adapter.Export`."""

    output: Path
    log: Path
    seed: int = 0
    random_weights: bool = False
    checkpoint: Path | None = None
    upstream: Path | None = None
    python: str = sys.executable
    """The interpreter; graphfix itself need not be installed there."""
    options: Mapping[str, str] = field(default_factory=dict)


def script_of(adapter: Adapter) -> Path:
    """The export script of an adapter.

    Raises:
        UsageError: the adapter has none.
    """
    if adapter.export is None:
        raise UsageError(
            f"the adapter {adapter.name!r} does not say how its model is exported; "
            "give the file by --model"
        )
    owner = next(cls for cls in type(adapter).__mro__ if "export" in vars(cls))
    return Path(inspect.getfile(owner)).parent / adapter.export.script


def arguments(adapter: Adapter, request: ExportRequest) -> tuple[str, ...]:
    """The options of the script, in order.

    Raises:
        UsageError: neither or both of a checkpoint and random weights are given, or an option is
            unknown.
    """
    script_of(adapter)
    export = adapter.export
    assert export is not None
    if unknown := sorted(set(request.options) - set(export.options)):
        known = ", ".join(export.options) or "none"
        raise UsageError(
            f"--export-option {unknown[0]}: the export of {adapter.name!r} has no such option; "
            f"it has: {known}"
        )
    if request.random_weights == (request.checkpoint is not None):
        raise UsageError(
            f"the export of {adapter.name!r} needs either --checkpoint FILE or --random-weights "
            f"(from: {adapter.upstream or 'see its documentation'})"
        )
    if request.random_weights and not export.random_weights:
        raise UsageError(f"the export of {adapter.name!r} cannot do without a --checkpoint")
    given = ["--output", str(request.output), "--seed", str(request.seed)]
    if request.random_weights:
        given.append("--random-weights")
    for name, path in (("--checkpoint", request.checkpoint), ("--upstream", request.upstream)):
        if path is not None:
            if not path.exists():
                raise UsageError(f"{name} {path}: there is no such file or folder")
            given += [name, str(path.resolve())]
    for name, value in {**export.options, **request.options}.items():
        given += [f"--{name}", value]
    return tuple(given)


def export(adapter: Adapter, request: ExportRequest) -> tuple[str, ...]:
    """Export the model; return the lines the script printed.

    Raises:
        UsageError: see :func:`arguments`; or the script refuses its options.
        ToolError: the interpreter lacks a module, cannot be started, or the script failed.
    """
    words = [request.python, str(script_of(adapter)), *arguments(adapter, request)]
    assert adapter.export is not None
    _require(adapter.export, request.python)
    lines: list[str] = []
    # Without the paths of this process, which may have another Python's packages in them.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    try:
        with (
            request.log.open("w", encoding="utf-8") as log,
            subprocess.Popen(
                words,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                env=environment,
            ) as process,
        ):
            assert process.stdout is not None
            try:
                for line in process.stdout:
                    log.write(line)
                    lines.append(line.rstrip("\n"))
            except BaseException:
                process.kill()
                raise
            status = process.wait()
    except OSError as error:
        raise ToolError(f"{request.python} cannot be started: {error.strerror}") from error
    if status == 0 and request.output.is_file():
        return tuple(lines)
    with contextlib.suppress(OSError):
        request.output.unlink(missing_ok=True)
    if status == _REFUSED and lines and ": error: " in lines[-1]:
        said = lines[-1].partition(": error: ")[2]
        raise UsageError(f"--export-option: the export of {adapter.name!r} says: {said}")
    shown = "\n".join(f"  {line}" for line in lines[-_TAIL:])
    what = f"ended with status {status}" if status else "wrote no model"
    raise ToolError(f"the export of {adapter.name!r} {what}; its log is {request.log}\n{shown}")


def _require(export: Export, python: str) -> None:
    """Ask the interpreter for the modules, so that a missing one is said plainly."""
    code = (
        "import importlib.util as u, sys;"
        "print(*[n for n in sys.argv[1:] if u.find_spec(n) is None])"
    )
    try:
        asked = subprocess.run(
            [python, "-c", code, *export.requires], capture_output=True, text=True, timeout=120
        )
    except OSError as error:
        raise ToolError(f"--python {python}: cannot be started: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"--python {python}: does not answer") from error
    missing = asked.stdout.split() if asked.returncode == 0 else list(export.requires)
    if missing:
        raise ToolError(
            f"{python} has no {', '.join(missing)}, which the export needs; install it with "
            f"'{export.install}', or name another interpreter by --python"
        )

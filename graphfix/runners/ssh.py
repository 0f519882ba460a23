"""Runs a folder of files with a script in it on another machine, over OpenSSH.

Only ``ssh`` and ``scp`` are called, each with a list of arguments. Keys, ports and names of hosts
are those of the user's configuration; no password is asked for.
"""

import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from graphfix.errors import ToolError, UsageError
from graphfix.runners.program import ProgramRun, run_program

_HOST: Final = re.compile(r"(?:[\w.][\w.-]*@)?[\w\[][\w.:\]-]*")
_FOLDER: Final = re.compile(r"/[\w./-]+")
_OPTIONS: Final = ("-o", "BatchMode=yes", "-o", "ConnectTimeout=15")
_SECONDS: Final = 60.0
"""For a command that has nothing to copy."""


def check_host(host: str) -> None:
    """Refuse what is no ``user@machine``, above all what ssh would take for an option.

    Raises:
        UsageError: it is none.
    """
    if not _HOST.fullmatch(host):
        raise UsageError(f"--host {host!r} must look like user@machine")


def run_on_host(
    host: str,
    files: Mapping[str, Sequence[Path]],
    script: str,
    results: Callable[[Sequence[str]], Sequence[str]],
    *,
    into: Path,
    log: Path,
    timeout: float | None,
    on_line: Callable[[str], None],
) -> ProgramRun:
    """Copy ``files`` into a new folder on ``host``, run ``script`` there, fetch what it made.

    ``files`` are files and folders by the folder in it that they go to, "" for itself.
    ``results`` chooses from the names in the folder afterwards. They go to ``into``. The folder on
    the host is removed. The script has a terminal there, so that it ends when the connection does.

    Raises:
        ToolError: ssh or scp is missing, or cannot reach the host, copy or fetch.
    """
    check_host(host)
    folder = _ask(("ssh", *_OPTIONS, "--", host, "mktemp -d -t graphfix.XXXXXX")).strip()
    if not _FOLDER.fullmatch(folder):
        raise ToolError(f"{host}: 'mktemp' answered {folder!r}, which is no folder")
    try:
        inner = " ".join(f"{folder}/{name}" for name in files if name)
        if inner:
            _ask(("ssh", *_OPTIONS, "--", host, f"mkdir {inner}"))
        for name, paths in files.items():
            _copy([*map(str, paths)], f"{host}:{folder}/{name}")
        run = run_program(
            ("ssh", "-tt", *_OPTIONS, "--", host, f"bash {folder}/{script}"),
            folder=into,
            environment=os.environ,
            log=log,
            timeout=timeout,
            on_line=on_line,
        )
        names = _ask(("ssh", *_OPTIONS, "--", host, f"ls -1 {folder}")).splitlines()
        for name in results(names):
            _copy([f"{host}:{folder}/{name}"], str(into))
    finally:
        _ask(("ssh", *_OPTIONS, "--", host, f"rm -rf {folder}"), must=False)
    return run


def _copy(sources: Sequence[str], target: str) -> None:
    _ask(("scp", "-q", "-r", *_OPTIONS, "--", *sources, target), timeout=None)


def _ask(command: Sequence[str], *, timeout: float | None = _SECONDS, must: bool = True) -> str:
    """What a command writes to stdout."""
    with tempfile.TemporaryFile() as errors:
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                timeout=timeout,
                check=False,
            )
        except FileNotFoundError as error:
            raise ToolError(f"--host needs {command[0]}, which is not installed") from error
        except subprocess.TimeoutExpired as error:
            if not must:
                return ""
            raise ToolError(f"{' '.join(command)}: no answer within {timeout:.0f} s") from error
        errors.seek(0)
        complaint = errors.read().decode("utf-8", errors="replace").strip()
    if done.returncode and must:
        raise ToolError(
            f"{' '.join(command)}: failed with status {done.returncode}: "
            f"{complaint or 'nothing was said'}"
        )
    return done.stdout.decode("utf-8", errors="replace")

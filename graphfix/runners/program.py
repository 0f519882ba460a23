"""Run a program that may take long, hang, or be stopped: its lines come as they are written."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import IO

from graphfix.errors import ToolError

_GRACE_SECONDS = 3.0
"""Between asking the processes to end and ending them."""
_DRAIN_SECONDS = 5.0
"""For output that a grandchild holds open after the program has ended."""


class End(Enum):
    """How a program ended."""

    EXITED = "exited"
    KILLED = "killed"
    """By a signal that was not sent from here."""
    TIMEOUT = "timeout"


@dataclass(frozen=True)
class ProgramRun:
    """What became of a program."""

    end: End
    status: int
    """Exit status; the negative number of the signal when one ended it."""
    seconds: float
    lines: tuple[str, ...]
    """All that it wrote to stdout and stderr."""
    log_error: str = ""
    """Why the log is not complete, such as a full disk."""


def run_program(
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    log: Path,
    timeout: float | None,
    on_line: Callable[[str], None],
) -> ProgramRun:
    """Run ``command`` in ``folder`` and wait; nothing of it outlives the call.

    It is the leader of a process group, which is ended after ``timeout`` seconds and when this
    program is interrupted. Every line goes to ``log`` and to ``on_line`` as it comes.

    Raises:
        ToolError: it cannot be started, or the log cannot be opened.
    """
    started = time.monotonic()
    try:
        log_file = log.open("w", encoding="utf-8")
    except OSError as error:
        raise ToolError(f"{log}: cannot be written: {error.strerror or error}") from error
    with _closing(log_file):
        try:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            reason = error.strerror or error
            raise ToolError(f"{command[0]}: cannot be started: {reason}") from error
        reader = _Reader(process.stdout, log_file, on_line)
        reader.start()
        timed_out = False
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            timed_out = True
        finally:
            _end_group(process)
            reader.join(_DRAIN_SECONDS)
    status = process.returncode
    end = End.TIMEOUT if timed_out else End.EXITED if status >= 0 else End.KILLED
    seconds = time.monotonic() - started
    return ProgramRun(end, status, seconds, tuple(reader.lines), reader.log_error)


class _Reader(threading.Thread):
    """Reads lines until the pipe closes; a log that cannot be written does not stop it."""

    def __init__(
        self, stream: IO[bytes] | None, log: IO[str], on_line: Callable[[str], None]
    ) -> None:
        super().__init__(daemon=True)
        assert stream is not None  # it was asked for
        self._stream = stream
        self._log = log
        self._on_line = on_line
        self.lines: list[str] = []
        self.log_error = ""

    def run(self) -> None:
        with self._stream:
            for raw in self._stream:
                line = raw.decode("utf-8", errors="replace").rstrip("\r\n")
                self.lines.append(line)
                self._write(line)
                self._on_line(line)

    def _write(self, line: str) -> None:
        if self.log_error:
            return
        try:
            self._log.write(f"{line}\n")
            self._log.flush()
        except (OSError, ValueError) as error:
            self.log_error = str(error)


@contextlib.contextmanager
def _closing(file: IO[str]) -> Iterator[None]:
    """Close a log; a full disk is known by then."""
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            file.close()


def _end_group(process: "subprocess.Popen[bytes]") -> None:
    """Ask the group to end, then end it, and collect the leader."""
    for number, patience in ((signal.SIGTERM, _GRACE_SECONDS), (signal.SIGKILL, None)):
        try:
            os.killpg(process.pid, number)
        except (ProcessLookupError, PermissionError):
            break
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
    process.wait()

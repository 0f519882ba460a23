"""Run a Python script in a child process with limits, for native code that may crash or hang.

Nothing but files and command-line arguments travels, so nothing is pickled. Why limits work the way
they do: ``docs/decisions/0003-native-tools-in-a-child.md``.
"""

import contextlib
import enum
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from graphfix.errors import ToolError

MEBIBYTE = 1 << 20
_POLL_SECONDS = 0.02
_TAIL_BYTES = 16384
# The child dies with its parent (Linux: prctl(PR_SET_PDEATHSIG, SIGKILL)), does not find modules in
# its working directory, and leaves no core dump behind when it crashes.
_BOOT = """\
import ctypes, runpy, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, 9)
try:
    import resource
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
except ImportError:
    pass
sys.path[:] = [entry for entry in sys.path if entry]
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


class Ending(enum.Enum):
    """How a child process came to its end."""

    DONE = "done"
    """It finished by itself, with status 0."""
    FAILED = "failed"
    """It finished by itself, with another status."""
    CRASHED = "crashed"
    """A signal ended it that was not sent from here."""
    TIMEOUT = "timeout"
    """It was stopped because it ran too long."""
    MEMORY = "memory"
    """It was stopped because it used too much memory."""


@dataclass(frozen=True)
class Outcome:
    """What became of a child process."""

    ending: Ending
    status: int
    """Exit status; the negative number of the signal when one ended the process."""
    seconds: float
    peak: int
    """Largest memory seen, in MiB; 0 where the system does not tell."""
    log: str
    """The end of what the child wrote to stdout and stderr."""

    def last_lines(self, count: int = 5) -> str:
        """The last lines of the log that are not empty, indented for an error message."""
        lines = [line.rstrip() for line in self.log.splitlines() if line.strip()]
        return "\n".join(f"    {line}" for line in lines[-count:])


def run_isolated(
    script: Path | str,
    arguments: Sequence[str],
    *,
    folder: Path,
    timeout: float,
    memory: int,
    python: Path | None = None,
) -> Outcome:
    """Run ``script`` with this interpreter and this ``sys.path``; wait for it or stop it.

    ``python`` is another interpreter, which then has its own libraries and knows nothing of ours.
    ``folder`` is the working directory, and takes the log as ``child.log``. ``timeout`` is in
    seconds, ``memory`` in MiB of private memory (enforced where ``/proc`` exists). The child and
    its own children are a process group of their own and never outlive this call, not even when it
    is interrupted.

    Raises:
        ToolError: ``python`` cannot be started.
    """
    if python is None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    else:
        ours = ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV")
        environment = {name: text for name, text in os.environ.items() if name not in ours}
    log = folder / "child.log"
    started = time.monotonic()
    with log.open("wb") as output:
        try:
            process = subprocess.Popen(
                [python or sys.executable, "-c", _BOOT, str(script), *arguments],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            if python is None:
                raise
            raise ToolError(f"{python}: cannot be started: {error.strerror or error}") from error
        try:
            stopped, peak = _watch(process, started + timeout, memory)
        finally:
            _kill_group(process)
    status = process.returncode
    ending = stopped or (
        Ending.DONE if status == 0 else Ending.FAILED if status > 0 else Ending.CRASHED
    )
    return Outcome(ending, status, time.monotonic() - started, peak, _tail(log))


def signal_name(status: int) -> str:
    """Name of the signal behind a negative exit status, such as ``SIGSEGV``."""
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"


def _watch(
    process: "subprocess.Popen[bytes]", end: float, memory: int
) -> tuple[Ending | None, int]:
    """Wait for the process; say what limit it ran into, if any, and the largest memory seen."""
    peak = 0
    while True:
        try:
            process.wait(_POLL_SECONDS)
            return None, peak
        except subprocess.TimeoutExpired:
            pass
        peak = max(peak, _private_memory(process.pid))
        if peak > memory:
            return Ending.MEMORY, peak
        if time.monotonic() > end:
            return Ending.TIMEOUT, peak


def _private_memory(pid: int) -> int:
    """Resident memory of a process without mapped files, in MiB; 0 where nobody tells."""
    try:
        _, resident, shared, *_ = Path(f"/proc/{pid}/statm").read_text("ascii").split()
    except (OSError, ValueError):
        return 0
    return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE") // MEBIBYTE


def _kill_group(process: "subprocess.Popen[bytes]") -> None:
    """End the process and what it has started, and collect it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _tail(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
        return file.read().decode("utf-8", errors="replace")

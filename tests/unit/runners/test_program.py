"""Programs that take long, hang, and write too much."""

import os
import resource
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from graphfix.errors import ToolError
from graphfix.runners.program import End, ProgramRun, run_program
from tests.processes import is_running


def run(folder: Path, code: str, timeout: float | None = 20) -> tuple[ProgramRun, list[str]]:
    seen: list[str] = []
    done = run_program(
        (sys.executable, "-S", "-c", code),
        folder=folder,
        environment=os.environ,
        log=folder / "log",
        timeout=timeout,
        on_line=seen.append,
    )
    return done, seen


def test_lines_come_and_are_kept(tmp_path: Path) -> None:
    done, seen = run(tmp_path, "import sys; print('a'); sys.stderr.write('b\\xff\\n'); sys.exit(3)")
    assert (done.end, done.status) == (End.EXITED, 3)
    assert list(done.lines) == seen == (tmp_path / "log").read_text().splitlines()
    assert "a" in seen


def test_a_time_out_ends_children_too(tmp_path: Path) -> None:
    code = (
        "import os, signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_DFL)\n"
        "pid = os.fork()\n"
        "if pid: print(pid, flush=True)\n"
        "time.sleep(60)"
    )
    started = time.monotonic()
    done, seen = run(tmp_path, code, timeout=2)
    assert done.end is End.TIMEOUT
    assert time.monotonic() - started < 15
    assert not is_running(int(seen[0]))


def test_a_signal_is_told_apart(tmp_path: Path) -> None:
    done, _ = run(tmp_path, "import os; os.kill(os.getpid(), 11)")
    assert (done.end, done.status) == (End.KILLED, -signal.SIGSEGV)


@contextmanager
def small_files(size: int) -> Iterator[None]:
    """Writing beyond ``size`` bytes fails, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_cuts_the_log_not_the_run(tmp_path: Path) -> None:
    with small_files(4096):
        done, seen = run(tmp_path, "for _ in range(200): print('x' * 99)")
    assert (done.end, done.status, len(seen)) == (End.EXITED, 0, 200)
    assert "File too large" in done.log_error


def test_a_program_that_cannot_start(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="no-such-program: cannot be started: No such file"):
        run_program(
            ("no-such-program",),
            folder=tmp_path,
            environment=os.environ,
            log=tmp_path / "log",
            timeout=1,
            on_line=print,
        )

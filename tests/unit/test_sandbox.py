"""Child processes: limits, crashes, and that nothing outlives the call."""

import os
import time
from pathlib import Path

import pytest

from graphfix.sandbox import Ending, Outcome, run_isolated, signal_name


def run(
    folder: Path, code: str, *arguments: str, timeout: float = 30, memory: int = 512
) -> Outcome:
    script = folder / "script.py"
    script.write_text(code, encoding="utf-8")
    return run_isolated(script, arguments, folder=folder, timeout=timeout, memory=memory)


def test_a_script_gets_its_arguments_and_the_folder(tmp_path: Path) -> None:
    code = "import sys; open('out.txt', 'w').write(','.join(sys.argv[1:])); print('hello')"
    outcome = run(tmp_path, code, "a b", "$HOME")
    assert outcome.ending is Ending.DONE
    assert outcome.status == 0
    assert (tmp_path / "out.txt").read_text() == "a b,$HOME"
    assert outcome.last_lines() == "    hello"


def test_a_failure_keeps_the_end_of_the_log(tmp_path: Path) -> None:
    code = "import sys\nfor k in range(9): print('line', k, file=sys.stderr)\nsys.exit(3)"
    outcome = run(tmp_path, code)
    assert (outcome.ending, outcome.status) == (Ending.FAILED, 3)
    assert outcome.last_lines(2) == "    line 7\n    line 8"


def test_a_native_crash_is_an_outcome(tmp_path: Path) -> None:
    outcome = run(tmp_path, "import os; os.abort()")
    assert outcome.ending is Ending.CRASHED
    assert signal_name(outcome.status) == "SIGABRT"
    assert not list(tmp_path.glob("core*"))


def test_a_child_that_hangs_is_stopped(tmp_path: Path) -> None:
    outcome = run(tmp_path, "import time; print('busy', flush=True); time.sleep(60)", timeout=0.5)
    assert outcome.ending is Ending.TIMEOUT
    assert outcome.seconds < 20
    assert "busy" in outcome.log


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc on this system")
def test_a_child_that_takes_too_much_memory_is_stopped(tmp_path: Path) -> None:
    code = "import time\nheld = [bytearray(b'x') * (1 << 20) for _ in range(300)]\ntime.sleep(60)"
    outcome = run(tmp_path, code, memory=200)
    assert outcome.ending is Ending.MEMORY
    assert outcome.peak > 200


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc on this system")
def test_mapped_files_do_not_count_as_memory(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(bytes(300 << 20))
    code = (
        "import mmap, time\n"
        "with open('big', 'rb') as file:\n"
        "    view = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)\n"
        "    sum(view[i] for i in range(0, len(view), 4096))\n"
        "    time.sleep(0.2)\n"
    )
    assert run(tmp_path, code, memory=150).ending is Ending.DONE


@pytest.mark.skipif(not Path("/proc").exists(), reason="no /proc on this system")
def test_what_the_child_started_dies_with_it(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys\n"
        "held = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "open('pid', 'w').write(str(held.pid))\n"
        "held._child_created = False\n"
    )
    assert run(tmp_path, code).ending is Ending.DONE
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 10
    while _alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _alive(pid)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_an_interruption_leaves_no_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(60)"

    def interrupt(pid: int) -> int:
        if (tmp_path / "pid").exists() and (tmp_path / "pid").read_text():
            raise KeyboardInterrupt
        return 0

    monkeypatch.setattr("graphfix.sandbox._private_memory", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, code)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_modules_in_the_folder_are_not_imported(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit(9)", encoding="utf-8")
    assert run(tmp_path, "import json").ending is Ending.DONE

"""The ais_bench that is installed, as a program of its own."""

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO

from graphfix.errors import ToolError


@dataclass(frozen=True)
class ToolRun:
    """How a program was called, and what became of it."""

    command: tuple[str, ...]
    status: int
    """Exit status; the negative number of the signal when one ended it."""
    log: str
    """All that it wrote to stdout and stderr, without what a progress bar overwrote."""


def find_ais_bench() -> tuple[str, ...] | None:
    """The start of its command line: a module of this interpreter, else a program on the path."""
    spec = importlib.util.find_spec("ais_bench")
    if spec is not None and spec.origin is not None:  # none: a folder that happens to be so called
        return (sys.executable, "-m", "ais_bench")
    program = shutil.which("ais_bench")
    return (program,) if program else None


def run_ais_bench(arguments: Sequence[str], on_line: Callable[[str], None]) -> ToolRun:
    """Run it and wait; ``on_line`` gets each line as it comes.

    Raises:
        ToolError: it is not installed, or cannot be started.
    """
    start = find_ais_bench()
    if start is None:
        raise ToolError(
            f"ais_bench is neither a module of {sys.executable} nor on the PATH; install it there, "
            "or run the ONNX file with --backend onnxruntime"
        )
    command = (*start, *arguments)
    try:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
        )
    except OSError as error:
        raise ToolError(f"{command[0]}: cannot be started: {error.strerror or error}") from error
    lines = []
    with process:
        try:
            for line in _lines(process.stdout):
                lines.append(line)
                on_line(line)
        except BaseException:
            process.terminate()
            raise
    return ToolRun(command, process.returncode, "\n".join(lines))


def _lines(stream: IO[bytes] | None) -> Iterator[str]:
    assert stream is not None  # it was asked for
    for line in stream:
        yield line.decode("utf-8", errors="replace").rstrip("\r\n").rpartition("\r")[2]

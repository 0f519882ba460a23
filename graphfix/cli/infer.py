"""``graphfix infer`` and ``python -m graphfix.ais_bench``: one run, two sets of exit codes."""

import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from graphfix.cli.render import print_json

if TYPE_CHECKING:
    from graphfix.cli.progress import Progress


def infer(context: typer.Context) -> None:
    """Run a model over samples as ais_bench does, on an NPU or with onnxruntime."""
    from graphfix.errors import ToolError
    from graphfix.infer import HelpWanted, parse
    from graphfix.stages import infer as stage

    try:
        command = parse(context.args, "graphfix infer", sys.argv)
    except HelpWanted as wanted:
        print(wanted, end="")
        return
    console = InferConsole(quiet=command.as_json)
    try:
        report = stage.infer(command, console)
    except KeyboardInterrupt:
        console.interrupted()
        raise typer.Exit(130) from None
    finally:
        console.close()
    if command.as_json:
        print_json({**report.to_dict(), "warnings": console.warnings})
    if report.tool is not None and not report.ok:
        called = shlex.join(report.tool.command)
        print(
            f"error: ais_bench ended with {report.status}; it was called as: {called}\n"
            "  with --backend onnxruntime the ONNX file runs on the CPU",
            file=sys.stderr,
        )
        raise typer.Exit(ToolError.exit_code)
    raise typer.Exit(0 if report.ok else 1)


def ais_bench(arguments: Sequence[str], typed: Sequence[str]) -> int:
    """Run a command line of ais_bench, or of msame after ``--msame``, and return its exit code.

    ais_bench has 2 for a command line that cannot be read, 0 for a range of shapes whatever becomes
    of them, and 1 for every other failure; msame has 0 and 1.
    """
    from graphfix.errors import GraphfixError
    from graphfix.infer import CommandLineError, HelpWanted, msame, parse
    from graphfix.stages import infer as stage

    console = InferConsole(quiet="--json" in arguments)
    old = arguments[:1] == ["--msame"]
    try:
        if old:
            msame.run(msame.parse(arguments[1:]), console)
            return 0
        command = parse(arguments, "python -m graphfix.ais_bench", typed)
        report = stage.infer(command, console)
    except HelpWanted as wanted:
        print(wanted, end="")
        return 0
    except CommandLineError as error:
        console.error(error)
        return 0 if old else 2
    except GraphfixError as error:
        console.error(error)
        return 1
    except KeyboardInterrupt:
        console.interrupted()
        return 130
    finally:
        console.close()
    if command.as_json:
        print_json({**report.to_dict(), "warnings": console.warnings})
    return report.status


class InferConsole:
    """Prints as ais_bench does: its lines on stdout; doubts, which it has none of, on stderr."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._progress: Progress | None = None
        self._done = (0, 0)
        self.warnings: list[str] = []

    def info(self, text: str) -> None:
        """A line of ais_bench's console."""
        self.line(f"[INFO] {text}")

    def line(self, text: str) -> None:
        """A line as it is."""
        self.close()
        if not self._quiet:
            print(text, flush=True)

    def warning(self, text: str) -> None:
        """A doubt, shown in any case."""
        self.close()
        self.warnings.append(text)
        print(f"warning: {text}", file=sys.stderr)

    def error(self, error: Exception) -> None:
        """Why nothing more is done; on stdout, as ais_bench has it."""
        self.close()
        print(f"[ERROR] {error}")

    def interrupted(self) -> None:
        """Say what an interrupted run has left behind."""
        self.close()
        done, total = self._done
        what = f" after {done} of {total} runs: what is written so far is whole" if total else ""
        print(f"interrupted{what}; there is no summary", file=sys.stderr)

    def progress(self, done: int, total: int) -> None:
        """Keep the line of a terminal up to date."""
        from graphfix.cli.progress import Progress

        self._done = (done, total)
        if self._progress is None:
            self._progress = Progress()
            self._progress.__enter__()
        self._progress.say(f"run {done} of {total}")

    def close(self) -> None:
        """Take the line off the terminal; while it stands, rich catches what is printed."""
        if self._progress is not None:
            self._progress.__exit__(None, None, None)
            self._progress = None

"""Run ais_bench on another machine, over the samples that are here."""

import json
import os
import re
import shlex
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from graphfix.errors import ToolError, UsageError
from graphfix.infer import Command
from graphfix.infer.portable import OUTPUT, Portable, portable
from graphfix.runners.ais_bench import ToolRun
from graphfix.runners.atc import source_cann
from graphfix.runners.ssh import run_on_host

_SCRIPT: Final = "infer.sh"
_NOT_FOUND: Final = 127
"""Exit status of a shell for a command that is not there."""
_NO_CONNECTION: Final = 255
"""Exit status of ssh when the connection fails."""

_FOLDER: Final = r"(?:/[^\"\s]*/graphfix\.\w+/)?"
"""The folder on the host, where ais_bench makes a path absolute."""
_PRINTED: Final = re.compile(rf"(?<=output path:){_FOLDER}{OUTPUT}(?=/|\s|$)")
_WRITTEN: Final = re.compile(rf'(?<="){_FOLDER}({OUTPUT}|input\d+/[^"/,]+)(?=["/])')


def infer_on_host(command: Command, on_line: Callable[[str], None]) -> ToolRun:
    """Copy the model and the samples to the host, run ais_bench there, fetch what it writes.

    Paths in the lines and in the summary are those of this machine.

    Raises:
        InferError: the options of files are abbreviated.
        ToolError: ssh or scp is missing, the host cannot be reached or has no ais_bench, or the
            connection was lost; nothing is left in the folder of the results then.
        UsageError: a result cannot be written.
    """
    host, output = command.host or "", command.options.output
    there = portable(command.plain)
    lines: list[str] = []

    def pass_on(raw: str) -> None:
        line = raw.rpartition("\r")[2]  # the last state of a progress bar
        lines.append(_PRINTED.sub(lambda _: output or "", line))
        on_line(lines[-1])

    with tempfile.TemporaryDirectory(prefix="graphfix-") as folder:
        back = Path(folder, "back")
        back.mkdir()
        script = Path(folder, _SCRIPT)
        script.write_text(_script(there), encoding="utf-8")
        sent: dict[str, list[Path]] = {"": [script]}
        for name, path in there.files.items():
            sent.setdefault(name.partition("/")[0], []).append(path.absolute())
        run = run_on_host(
            host,
            sent,
            _SCRIPT,
            lambda names: [name for name in names if name == OUTPUT],
            into=back,
            log=back / "log",
            timeout=None,
            on_line=pass_on,
        )
        if run.status == _NOT_FOUND:
            raise ToolError(
                f"{host}: ais_bench is neither a module of python3 nor on the PATH there"
            )
        if run.status == _NO_CONNECTION:
            raise ToolError(f"{host}: the connection ended before ais_bench did; run it again")
        if output is not None and (back / OUTPUT).is_dir():
            _bring(back / OUTPUT, Path(output), there)
    return ToolRun((host, "ais_bench", *there.words), run.status, "\n".join(lines))


def _script(there: Portable) -> str:
    words = shlex.join(there.words)
    return f"""\
#!/bin/bash
cd "$(dirname "$0")" || exit 1
{source_cann(unless='[ -n "$ASCEND_OPP_PATH" ]')}
mkdir -p {OUTPUT}
chmod -R go-w .
if python3 -c "import ais_bench" 2>/dev/null; then
    exec python3 -m ais_bench {words}
fi
exec ais_bench {words}
"""


def _bring(fetched: Path, output: Path, there: Portable) -> None:
    """Put what was fetched where it belongs, with the paths of this machine in it."""

    def here(match: re.Match[str]) -> str:
        name = match[1]
        path = str(output) if name == OUTPUT else os.fspath(there.files[name])
        return json.dumps(path)[1:-1]

    try:
        for path in fetched.rglob("*.json"):
            path.write_text(_WRITTEN.sub(here, path.read_text("utf-8")), encoding="utf-8")
        shutil.copytree(fetched, output, dirs_exist_ok=True)
    except (OSError, shutil.Error) as error:
        raise UsageError(f"--output {output}: cannot be written: {error}") from error

"""Finds ATC where people install it, with the environment it needs."""

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from graphfix.runners.set_env import read_set_env

USUAL_FOLDERS: Final = (
    "/usr/local/Ascend/cann",
    "/usr/local/Ascend/ascend-toolkit/latest",
    "/usr/local/Ascend/latest",
    "~/Ascend/cann",
    "~/Ascend/ascend-toolkit/latest",
)
"""Where CANN goes by default (documentation of the installation, 5.0 to 9.1)."""

_VARIABLES: Final = ("ASCEND_HOME_PATH", "ASCEND_TOOLKIT_HOME")
_PROGRAMS: Final = ("bin/atc", "compiler/bin/atc", "atc/bin/atc")
_SOURCED: Final = "ASCEND_OPP_PATH"
"""Set by every ``set_env.sh``."""


@dataclass(frozen=True)
class Installation:
    """An ATC that can be run."""

    program: Path
    environment: Mapping[str, str]
    script: Path | None
    """The ``set_env.sh`` that was read; none where its variables were set already."""


def source_cann(unless: str) -> str:
    """Lines of a shell script that read ``set_env.sh`` unless the condition ``unless`` holds."""
    places = " ".join(
        f'"$HOME"{folder[1:]}' if folder.startswith("~") else folder for folder in USUAL_FOLDERS
    )
    return f"""\
if ! {unless}; then
    for folder in "$ASCEND_HOME_PATH" "$ASCEND_TOOLKIT_HOME" {places}; do
        for script in "$folder/set_env.sh" "$folder/../set_env.sh"; do
            if [ -f "$script" ]; then
                . "$script"
                break 2
            fi
        done
    done
fi"""


def find_atc(environment: Mapping[str, str] | None = None) -> Installation | None:
    """ATC on the PATH, else in the folders that the environment names, else in the usual ones."""
    environment = os.environ if environment is None else environment
    program = next(_programs(environment), None)
    if program is None:
        return None
    if environment.get(_SOURCED):
        return Installation(program, dict(environment), None)
    script = next(_scripts(program), None)
    if script is None:
        return Installation(program, dict(environment), None)
    return Installation(program, read_set_env(script, environment), script)


def _programs(environment: Mapping[str, str]) -> Iterator[Path]:
    on_path = shutil.which("atc", path=environment.get("PATH", ""))
    if on_path:
        yield Path(on_path)
    named = [environment[name] for name in _VARIABLES if environment.get(name)]
    for folder in (*named, *USUAL_FOLDERS):
        for inner in _PROGRAMS:
            program = Path(folder).expanduser() / inner
            if os.access(program, os.X_OK) and program.is_file():
                yield program


def _scripts(program: Path) -> Iterator[Path]:
    """``set_env.sh`` beside or above the folder of the program."""
    for path in (program, program.resolve()):
        for folder in path.parents[1:4]:
            for name in ("set_env.sh", "../set_env.sh"):
                if (folder / name).is_file():
                    yield folder / name

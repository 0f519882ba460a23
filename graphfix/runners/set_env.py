"""The environment that a CANN installation asks for, read from its script without a shell.

``set_env.sh`` is a list of ``export NAME=value``, where values refer to other variables. Lines that
need a shell are skipped.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_EXPORT: Final = re.compile(
    r"\s*(?:export\s+)?([A-Za-z_]\w*)=(\"[^\"`]*\"|'[^']*'|[^\s;\"'`]*)\s*;?\s*"
)
_NAME: Final = re.compile(r"\$(?:\{(\w+)(?::?[-+]([^}]*))?\}|(\w+))")


def read_set_env(path: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """``environment`` as it is after sourcing a script of plain assignments.

    ``$NAME`` and ``${NAME}`` are replaced; ``${NAME:-default}`` and ``${NAME:+:text}`` too, with
    texts that hold no variable. A line with a command in it, ``$(…)`` or backticks, is skipped.
    """
    found = dict(environment)
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        match = _EXPORT.fullmatch(line)
        if match is None or "$(" in line:
            continue
        value = match[2]
        if value.startswith("'"):
            found[match[1]] = value[1:-1]
        else:
            found[match[1]] = _NAME.sub(lambda name: _value(name, found), value.strip('"'))
    return found


def _value(match: re.Match[str], environment: Mapping[str, str]) -> str:
    name = match[1] or match[3]
    other = match[2]
    value = environment.get(name, "")
    if other is None:
        return value
    return (other if value else "") if "+" in match[0] else value or other

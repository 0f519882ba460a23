"""Names and files of what ``graphfix new`` starts."""

import keyword
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from graphfix.errors import UsageError
from graphfix.plugins import PASS_NAME


@dataclass(frozen=True)
class NewFiles:
    """What was written: ``created`` are new files, ``table`` is the module that got the row."""

    name: str
    created: tuple[Path, ...]
    table: Path | None

    def to_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "name": self.name,
            "created": [str(path) for path in self.created],
            "table": str(self.table) if self.table else None,
        }


def python_names(name: str, what: str) -> tuple[str, str]:
    """The module and the class for ``name``, of a pass or an adapter as ``what`` says.

    Raises:
        UsageError: the name is not kebab-case, or a Python keyword.
    """
    module = name.replace("-", "_")
    if not PASS_NAME.fullmatch(name) or keyword.iskeyword(module):
        raise UsageError(
            f"{name!r} cannot name {what}: use lower-case words joined by dashes, such as "
            "'pow-to-mul', that are no Python keyword"
        )
    return module, "".join(word.capitalize() for word in name.split("-"))


def check_plugin_file(path: Path) -> None:
    """Raise :class:`UsageError` if ``path`` cannot be a file for ``--plugin``."""
    if path.suffix != ".py":
        raise UsageError(f"{path}: a plugin file must end in .py")


def write_all(what: str, created: Mapping[Path, str], changed: Mapping[Path, bytes]) -> None:
    """Write all files or none: new ones must not exist yet, changed ones are replaced.

    Raises:
        UsageError: a new file exists already, or one cannot be written; ``what`` names the whole.
    """
    taken = [path for path in created if path.exists()]
    if taken:
        raise UsageError(f"{taken[0]}: exists already and is not overwritten")
    written: list[Path] = []
    try:
        for path, text in created.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                written.append(path)
                file.write(text)
        for path, data in changed.items():
            temporary = path.with_name(f".{path.name}.new")
            written.append(temporary)
            temporary.write_bytes(data)
            os.replace(temporary, path)
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        raise UsageError(f"cannot write the new {what}: {error}; nothing was changed") from error

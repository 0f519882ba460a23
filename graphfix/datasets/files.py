"""Text and JSON files, and folders of files, as data sets have them."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from graphfix.errors import UsageError

T = TypeVar("T")


def read_lines(path: Path) -> list[str]:
    """The lines of a text file, without their ends.

    Raises:
        UsageError: it cannot be read, or is not UTF-8.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read as UTF-8 text: {error}") from error
    # Not str.splitlines: a label may hold the other characters at which that would cut.
    lines = re.split(r"\r?\n", text)
    return lines if lines[-1] else lines[:-1]


def numbered_lines(path: Path) -> Iterator[tuple[str, str]]:
    """The lines that hold something, with a text that says where they are.

    Raises:
        UsageError: see :func:`read_lines`.
    """
    for number, line in enumerate(read_lines(path), 1):
        if line.strip():
            yield f"{path}, line {number}", line


def read_json(path: Path) -> Any:
    """What a JSON file holds.

    Raises:
        UsageError: it cannot be read, or is no JSON.
    """
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path}: cannot be read as JSON: {error}") from error


def list_folder(folder: Path) -> Sequence[Path]:
    """What a folder holds, by name.

    Raises:
        UsageError: it is no folder, or cannot be read.
    """
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise UsageError(f"{folder}: is no readable folder: {error.strerror}") from error


def files_by_name(folder: Path, suffixes: Sequence[str]) -> Mapping[str, Path]:
    """The files of a folder, without those in folders below it, by their names.

    Raises:
        UsageError: it is no readable folder, or has no file with one of the suffixes, which are in
            lower case.
    """
    found = {path.name: path for path in list_folder(folder) if path.suffix.lower() in suffixes}
    if not found:
        raise UsageError(f"{folder}: no {', '.join(suffixes)} file in this folder")
    return found


def put(found: dict[str, T], name: str, value: T, where: str) -> None:
    """Add what belongs to ``name``, which stands at ``where``.

    Raises:
        UsageError: the name has something already.
    """
    if name in found:
        raise UsageError(f"{where}: {name} has a label already; remove one of the two")
    found[name] = value

"""What a stage of ``run`` has done, kept so that it need not be done again."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from graphfix import __version__
from graphfix.files import write_file


@dataclass(frozen=True)
class Record:
    """The result of one stage."""

    facts: Mapping[str, Any]
    """For the report; JSON."""
    files: tuple[Path, ...] = ()
    """What it has written and later stages read."""
    seconds: float = 0.0
    key: str = field(default="", compare=False)
    """Digest of all the result depends on."""


def key_of(**parts: Any) -> str:
    """Digest of what a result depends on; the version of graphfix is always part of it."""
    text = json.dumps({"graphfix": __version__, **parts}, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    state = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            state.update(chunk)
    return state.hexdigest()


def listing_digest(path: Path) -> str:
    """Digest of the names, sizes and times of all files in a folder: datasets are too big to read.

    A file stands for itself.
    """
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    state = hashlib.sha256()
    for file in files:
        status = file.stat()
        name = file.relative_to(path).as_posix() if path.is_dir() else file.name
        state.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return state.hexdigest()


class Cache:
    """The records of one run, in a folder of it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, stage: str, key: str) -> Record | None:
        """The record of a stage, if it was made from the same and its files are untouched."""
        try:
            document = json.loads((self._folder / f"{stage}.json").read_text(encoding="utf-8"))
            root = self._folder.parent
            files = {root / name: stamp for name, stamp in document["files"].items()}
            if document["key"] != key or any(_stamp(p) != s for p, s in files.items()):
                return None
            return Record(document["facts"], tuple(files), document["seconds"], key)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None  # not there, or not whole: the stage is done again

    def write(self, stage: str, record: Record) -> None:
        """Keep a record; its files are below the folder of the run.

        Raises:
            UsageError: it cannot be written.
        """
        root = self._folder.parent
        self._folder.mkdir(parents=True, exist_ok=True)
        document = {
            "key": record.key,
            "facts": record.facts,
            "seconds": round(record.seconds, 3),
            "files": {p.relative_to(root).as_posix(): _stamp(p) for p in record.files},
        }
        text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        write_file(self._folder / f"{stage}.json", text)

    def forget(self, stages: Iterable[str]) -> None:
        """Drop records."""
        for stage in stages:
            (self._folder / f"{stage}.json").unlink(missing_ok=True)


def _stamp(path: Path) -> str:
    """What changes when a file does, or anything in a folder."""
    return listing_digest(path) if path.exists() else "missing"

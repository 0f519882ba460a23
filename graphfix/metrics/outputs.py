"""Folders of outputs as ais_bench writes them: ``<stem>_<i>.bin``, ``.npy`` or ``.txt``."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError

import numpy as np

from graphfix.contract import Array
from graphfix.datasets.files import list_folder
from graphfix.errors import UsageError

_NAME = re.compile(r"(?P<stem>.+)_(?P<index>\d+)\.(?:bin|npy|txt)")
_KINDS = "biuf"
_UNREADABLE = (
    *(OSError, ValueError),
    # What numpy makes of a broken header besides.
    *(EOFError, SyntaxError, TokenError, TypeError, OverflowError, MemoryError),
)


@dataclass(frozen=True)
class Layout:
    """What the files of one output hold.

    ``.npy`` files say it themselves, and ``.bin`` files say nothing: without a ``dtype`` they are
    float32, without a ``shape`` they have one axis. ``.txt`` files hold one row per line; their
    numbers are float64 unless there is a ``dtype``. A ``shape`` holds for all three.
    """

    index: int = 0
    """Which output of the model, from 0."""
    dtype: str | None = None
    """numpy's name of a type, such as ``float16``; of no account for ``.npy``."""
    shape: tuple[int | None, ...] | None = None
    """Sizes of the axes, at least 1; one may be ``None``, which is worked out."""


def parse_shape(text: str) -> tuple[int | None, ...]:
    """Read ``1,1000`` or ``1,?,4``.

    Raises:
        UsageError: something is not a size, or more than one size is unknown.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part in ("?", "-1") or (part.isdecimal() and int(part) > 0) for part in parts):
        raise UsageError(f"shape {text!r}: write sizes with commas, such as 1,1000 or 1,?,4")
    shape = tuple(int(part) if part.isdecimal() else None for part in parts)
    if shape.count(None) > 1:
        raise UsageError(f"shape {text!r}: only one size may be unknown")
    return shape


def parse_dtype(text: str) -> str:
    """Check the name of a type of numbers.

    Raises:
        UsageError: it is none.
    """
    try:
        dtype = np.dtype(text)
    except (TypeError, ValueError, SyntaxError):
        dtype = np.dtype(object)
    if dtype.kind not in _KINDS:
        raise UsageError(f"dtype {text!r}: write a type such as float32, float16, int64 or uint8")
    return str(dtype.name)


def find_outputs(folder: Path, index: int = 0) -> Mapping[str, Path]:
    """The files of output ``index``, by their stems; other files are passed over.

    Raises:
        UsageError: there is no such folder or no such file in it, or a stem has two files.
    """
    found: dict[str, Path] = {}
    seen: set[int] = set()
    for path in list_folder(folder):
        name = _NAME.fullmatch(path.name)
        if name is None:
            continue
        seen.add(int(name["index"]))
        if int(name["index"]) != index:
            continue
        if name["stem"] in found:
            raise UsageError(
                f"{path}: sample {name['stem']!r} has {found[name['stem']].name} as well; remove "
                "the one of the older run"
            )
        found[name["stem"]] = path
    if found:
        return found
    if seen:
        others = ", ".join(map(str, sorted(seen)))
        raise UsageError(f"{folder}: no file of output {index}; there are outputs {others}")
    raise UsageError(f"{folder}: no file called <sample>_{index}.bin, .npy or .txt in this folder")


def read_output(path: Path, layout: Layout) -> Array:
    """The array in one file.

    Raises:
        UsageError: it cannot be read, or does not have the shape of ``layout``.
    """
    try:
        array = _read(path, layout)
    except _UNREADABLE as error:
        raise UsageError(f"{path}: cannot be read: {error}") from error
    if array.dtype.kind not in _KINDS:
        raise UsageError(f"{path}: holds {array.dtype}, which are no numbers")
    if layout.shape is None:
        return array
    known = math.prod(size for size in layout.shape if size is not None)
    fits = array.size % known == 0 if None in layout.shape else array.size == known
    if not fits:
        wanted = ",".join("?" if size is None else str(size) for size in layout.shape)
        raise UsageError(
            f"{path}: holds {array.size} numbers ({array.dtype}), which do not fit the shape "
            f"{wanted}; check shape, dtype and the number of the output"
        )
    return array.reshape([-1 if size is None else size for size in layout.shape])


def _read(path: Path, layout: Layout) -> Array:
    if path.suffix == ".txt":
        rows = [line.split() for line in path.read_text("ascii").splitlines() if line.strip()]
        flat = np.array([float(word) for row in rows for word in row])
        widths = {len(row) for row in rows}
        shaped = flat.reshape(len(rows), -1) if len(widths) == 1 else flat
        return shaped.astype(layout.dtype or np.float64)
    if path.suffix == ".npy":
        array: Array = np.load(path, allow_pickle=False)
        return array
    dtype = np.dtype(layout.dtype or np.float32).newbyteorder("<")
    data = path.read_bytes()
    if len(data) % dtype.itemsize:
        raise ValueError(f"{len(data)} bytes are no whole number of {dtype.name}; check the dtype")
    return np.frombuffer(data, dtype)

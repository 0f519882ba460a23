"""Label files, and which label belongs to which output."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from graphfix.errors import UsageError
from graphfix.metrics.library import library
from graphfix.metrics.sample import Sample

T = TypeVar("T")
U = TypeVar("U")

_QUOTED = re.compile(r'(?P<name>[^,]+),\s*"(?P<text>.*)"')


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


def files_by_name(folder: Path, suffixes: Sequence[str]) -> Mapping[str, Path]:
    """The files of a folder, without those in folders below it, by their names.

    Raises:
        UsageError: it is no folder, or has no file with one of the suffixes.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: is no folder")
    found = {path.name: path for path in sorted(folder.iterdir()) if path.suffix in suffixes}
    if not found:
        raise UsageError(f"{folder}: no {', '.join(suffixes)} file in this folder")
    return found


def read_classes(path: Path) -> Mapping[str, int]:
    """Classes by name, from lines such as ``ILSVRC2012_val_00000001.JPEG 65``.

    Raises:
        UsageError: a line is not of this form, or a name comes twice.
    """
    classes: dict[str, int] = {}
    for where, line in numbered_lines(path):
        name, _, number = line.strip().rpartition("\t" if "\t" in line else " ")
        if not name or not number.isdecimal():
            raise UsageError(f"{where}: write NAME CLASS, such as img_1.jpg 65")
        put(classes, name, int(number), where)
    return classes


def read_texts(path: Path) -> Mapping[str, str]:
    """Texts by name, from a list or from an LMDB folder of text recognition.

    A line of a list is ``NAME<tab>TEXT``, or ``NAME TEXT``, or ``NAME, "TEXT"`` as in the
    recognition tasks of ICDAR. An LMDB has keys ``label-000000001`` and so on, and the number is
    the name.

    Raises:
        UsageError: it cannot be read, a line has another form, or a name comes twice.
    """
    if path.is_dir():
        return _read_lmdb(path)
    texts: dict[str, str] = {}
    for where, line in numbered_lines(path):
        quoted = _QUOTED.fullmatch(line.strip())
        if quoted:
            name, text = quoted["name"], quoted["text"].replace('\\"', '"')
        else:
            name, _, text = line.partition("\t" if "\t" in line else " ")
        put(texts, name.strip(), text.strip(), where)
    return texts


def _read_lmdb(folder: Path) -> Mapping[str, str]:
    lmdb = library("lmdb")
    if not (folder / "data.mdb").is_file():
        raise UsageError(f"{folder}: is no LMDB folder: it has no data.mdb")
    try:
        with (
            lmdb.open(str(folder), readonly=True, lock=False) as environment,
            environment.begin() as view,
        ):
            count = int(view.get(b"num-samples") or 0)
            keys = [f"{number:09}" for number in range(1, count + 1)]
            values = [view.get(f"label-{key}".encode()) for key in keys]
            return {
                key: value.decode()
                for key, value in zip(keys, values, strict=True)
                if value is not None
            }
    except (lmdb.Error, ValueError) as error:
        raise UsageError(f"{folder}: is no readable LMDB of texts: {error}") from error


def put(found: dict[str, T], name: str, value: T, where: str) -> None:
    """Add what belongs to ``name``, which stands at ``where``.

    Raises:
        UsageError: the name has something already.
    """
    if name in found:
        raise UsageError(f"{where}: {name} has a label already; remove one of the two")
    found[name] = value


def join(outputs: Mapping[str, T], labels: Mapping[str, U], source: Path) -> Sequence[Sample[T, U]]:
    """Put every output beside its label, in the order of the labels.

    An output is called as its label, or as its label without folder and extension: ais_bench cuts
    ``val/img.1.jpg`` at the first dot, or at the last when it runs as a pipeline. ``source`` is the
    label file, for messages.

    Raises:
        UsageError: a label has no output, an output has no label, or two labels have the same one.
    """
    pairs: list[Sample[T, U]] = []
    taken: dict[str, str] = {}
    missing: list[str] = []
    for label, truth in labels.items():
        name = find_partner(label, outputs)
        if name is None:
            missing.append(label)
            continue
        if name in taken:
            raise UsageError(
                f"{source}: {taken[name]} and {label} both stand for output {name!r}; give the "
                "samples names that differ before the first dot, and run the model again"
            )
        taken[name] = label
        pairs.append(Sample(name, outputs[name], truth))
    if missing:
        raise UsageError(
            f"{source}: {len(missing)} of {len(labels)} labels without an output, such as "
            f"{missing[0]}; run the model on it, or remove the label"
        )
    extra = [name for name in outputs if name not in taken]
    if extra:
        raise UsageError(
            f"{source}: has no label for output {extra[0]!r}"
            f"{f' and {len(extra) - 1} more' if len(extra) > 1 else ''}; add it, or remove the file"
        )
    return pairs


def find_partner(label: str, outputs: Mapping[str, object]) -> str | None:
    """The output that belongs to a label, by the rules of :func:`join`."""
    base = re.split(r"[/\\]", label)[-1]
    for name in (label, base, base.rpartition(".")[0], base.partition(".")[0]):
        if name in outputs:
            return name
    return None

"""Data sets of text recognition: lists of texts, and LMDB folders with pictures of words."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from graphfix.datasets.files import numbered_lines, put
from graphfix.datasets.picture import Picture
from graphfix.errors import UsageError
from graphfix.library import library

_QUOTED = re.compile(r'(?P<name>[^,\s]+),\s*"(?P<text>.*)"')
_LABEL = b"label-"


def read_texts(path: Path) -> Mapping[str, str]:
    """Texts by name, from a list or from an LMDB folder of text recognition.

    A line of a list is ``NAME<tab>TEXT``, or ``NAME TEXT``, or ``NAME, "TEXT"`` as in the
    recognition tasks of ICDAR. An LMDB has keys ``label-000000001`` and so on, and the number is
    the name.

    Raises:
        UsageError: it cannot be read, a line has another form, or a name comes twice.
    """
    if path.is_dir():
        with _opened(path) as view:
            return dict(_texts(view))
    texts: dict[str, str] = {}
    for where, line in numbered_lines(path):
        quoted = _QUOTED.fullmatch(line.strip())
        if quoted:
            name, text = quoted["name"], quoted["text"].replace('\\"', '"')
        else:
            name, _, text = line.partition("\t" if "\t" in line else " ")
        put(texts, name.strip(), text.strip(), where)
    return texts


def lmdb_words(folder: Path) -> Iterator[Picture[str]]:
    """The pictures of words in an LMDB folder, in their order, each with its text.

    Keys are ``num-samples``, ``image-000000001``, ``label-000000001`` and so on, as PaddleOCR and
    the benchmark of Shi et al. (CRNN) have them. The number, as written there, is the name; the
    picture is an image file in memory. A number without text or picture is passed over.

    Raises:
        UsageError: it cannot be read as LMDB, or has no ``num-samples``.
    """
    with _opened(folder) as view:
        for number, text in _texts(view):
            data = view.get(f"image-{number}".encode())
            if data is not None:
                yield Picture(number, data, text)


@contextmanager
def _opened(folder: Path) -> Iterator[Any]:
    lmdb = library("lmdb")
    if not (folder / "data.mdb").is_file():
        raise UsageError(f"{folder}: is no LMDB folder: it has no data.mdb")
    try:
        with (
            lmdb.open(str(folder), readonly=True, lock=False) as environment,
            environment.begin() as view,
        ):
            yield view
    except (lmdb.Error, ValueError) as error:
        raise UsageError(f"{folder}: is no readable LMDB of texts: {error}") from error


def _texts(view: Any) -> Iterator[tuple[str, str]]:
    count = view.get(b"num-samples")
    if count is None:
        raise ValueError("it has no num-samples")
    # By the keys that are there, since num-samples may say anything.
    cursor = view.cursor()
    cursor.set_range(_LABEL)
    for key, text in cursor:
        if not key.startswith(_LABEL) or int(key[len(_LABEL) :]) > int(count):
            return
        yield key[len(_LABEL) :].decode(), text.decode()

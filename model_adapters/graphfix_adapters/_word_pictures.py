"""Drawn words as an LMDB set, to try text recognition with."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from graphfix.library import library


def write_words(folder: Path, words: Sequence[str]) -> None:
    """Write pictures of the words and their texts into ``folder``, as ``lmdb_words`` reads them."""
    folder.mkdir(parents=True)
    entries = {"num-samples": str(len(words)).encode()}
    for number, word in enumerate(words, start=1):
        entries[f"image-{number:09}"] = _png(word)
        entries[f"label-{number:09}"] = word.encode()
    with (
        library("lmdb").open(str(folder), map_size=1 << 24) as environment,
        environment.begin(write=True) as view,
    ):
        for key, value in entries.items():
            view.put(key.encode(), value)


def _png(word: str) -> bytes:
    image, draw, font = (library(f"PIL.{name}") for name in ("Image", "ImageDraw", "ImageFont"))
    letters: Any = font.load_default_imagefont()
    left, top, right, bottom = letters.getbbox(word)
    picture = image.new("RGB", (right - left + 6, bottom - top + 6), (40, 60, 90))
    draw.Draw(picture).text((3 - left, 3 - top), word, (230, 220, 200), letters)
    stream = io.BytesIO()
    picture.resize((picture.width * 2, picture.height * 2)).save(stream, "PNG")
    return stream.getvalue()

"""Incidental scene text of ICDAR 2015: images, and the outlines of their words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from graphfix.datasets.files import files_by_name, numbered_lines
from graphfix.datasets.images import IMAGE_SUFFIXES
from graphfix.datasets.picture import Picture
from graphfix.errors import UsageError

Outline = tuple[tuple[float, float], ...]
"""The corners of a polygon, ``x, y`` in pixels, in order."""

UNREADABLE = "###"
"""The text of a region that need not be found."""


@dataclass(frozen=True)
class Region:
    """A word that is there; one that does not count need not be found, and may be."""

    outline: Outline
    counts: bool = True


def read_regions(path: Path) -> Sequence[Region]:
    """The regions in a file with lines ``x1,y1,x2,y2,x3,y3,x4,y4,TEXT``.

    Raises:
        UsageError: it cannot be read, or a line has another form.
    """
    return [Region(outline, text != UNREADABLE) for outline, text in _read(path)]


def read_outlines(path: Path) -> Sequence[Outline]:
    """The outlines in a file with lines ``x1,y1,x2,y2,x3,y3,x4,y4``; what follows is passed over.

    Raises:
        UsageError: it cannot be read, or a line has another form.
    """
    return [outline for outline, _ in _read(path)]


def _read(path: Path) -> Iterator[tuple[Outline, str]]:
    for where, line in numbered_lines(path):
        *corners, rest = [*line.split(",", 8), ""][:9]
        try:
            numbers = [float(part) for part in corners]
        except ValueError:
            numbers = []
        if len(numbers) != 8:
            raise UsageError(f"{where}: write x1,y1,x2,y2,x3,y3,x4,y4 and what belongs to it")
        yield tuple(zip(numbers[::2], numbers[1::2], strict=True)), rest.strip()


def files_of(folder: Path, prefix: str) -> Mapping[str, Path]:
    """The text files of a folder by the names of their images: ``gt_img_1.txt`` is of ``img_1``.

    Raises:
        UsageError: there is no such folder, or no text file in it.
    """
    found = files_by_name(folder, (".txt",))
    return {name.removeprefix(prefix).removesuffix(".txt"): path for name, path in found.items()}


def icdar2015(images: Path, truths: Path) -> Iterator[Picture[Sequence[Region]]]:
    """The images with their regions, by name.

    Folders are as they come from the competition: ``ch4_test_images`` with ``img_1.jpg``, and
    ``Challenge4_Test_Task1_GT`` with ``gt_img_1.txt``.

    Raises:
        UsageError: a folder or file cannot be read, or an image has no regions file.
    """
    regions = files_of(truths, "gt_")
    for path in files_by_name(images, IMAGE_SUFFIXES).values():
        if path.stem not in regions:
            raise UsageError(f"{truths}: has no gt_{path.stem}.txt for {path.name}")
        yield Picture(path.stem, path, read_regions(regions[path.stem]))

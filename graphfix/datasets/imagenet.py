"""Classified images: a folder, and a list of classes."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from graphfix.datasets.files import numbered_lines, put
from graphfix.datasets.picture import Picture
from graphfix.errors import UsageError


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


def classified_images(folder: Path, labels: Path) -> Iterator[Picture[int]]:
    """The images that a list such as ``val_label.txt`` of ImageNet names, with their classes.

    The list is as :func:`read_classes` takes it; names may lead into folders below ``folder``.

    Raises:
        UsageError: the list cannot be read, an image is not there, or two have one name but for
            folder and extension.
    """
    seen: dict[str, Path] = {}
    for name, number in read_classes(labels).items():
        path = folder / name
        put(seen, path.stem, path, str(labels))
        if not path.is_file():
            raise UsageError(f"{labels}: {folder} has no image {name}")
        yield Picture(path.stem, path, number)

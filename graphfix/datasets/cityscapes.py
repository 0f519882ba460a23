"""Cityscapes: street scenes and the class of every pixel."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from graphfix.contract import Array
from graphfix.datasets.images import read_image
from graphfix.datasets.picture import Picture
from graphfix.errors import UsageError

IGNORED = 255
"""The class of pixels that do not count."""
CLASSES = 19

# Ids of the labels that are evaluated, in the order of their classes: cityscapesScripts,
# helpers/labels.py, columns id and trainId.
_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)

_IMAGE, _LABELS = "_leftImg8bit.png", "_gtFine_labelIds.png"


def cityscapes(root: Path, part: str = "val") -> Iterator[Picture[Path]]:
    """The images of one part by their names, each with the file of its labels.

    ``root`` has ``leftImg8bit/val/CITY/NAME_leftImg8bit.png`` and
    ``gtFine/val/CITY/NAME_gtFine_labelIds.png``, 500 of each. :func:`read_train_ids` reads the
    labels. The name of a picture is that of its file, with ``_leftImg8bit``.

    Raises:
        UsageError: a folder or a file of labels is not there.
    """
    folder = root / "leftImg8bit" / part
    images = sorted(folder.glob(f"*/*{_IMAGE}"))
    if not images:
        raise UsageError(f"{folder}: has no CITY/NAME{_IMAGE}, as Cityscapes has")
    for path in images:
        name = path.name.removesuffix(_IMAGE)
        labels = root / "gtFine" / part / path.parent.name / f"{name}{_LABELS}"
        if not labels.is_file():
            raise UsageError(f"{labels}: is not there, but {path} is")
        yield Picture(path.stem, path, labels)


def read_train_ids(path: Path) -> Array:
    """The classes 0 to 18 (or 255, which do not count) of a file of label ids; uint8 ``[H, W]``.

    Raises:
        UsageError: it cannot be read, or is no map of ids.
    """
    ids = read_image(path)
    if ids.ndim != 2 or ids.dtype != np.uint8:
        raise UsageError(f"{path}: is no map of label ids, but {ids.dtype} {ids.shape}")
    table = np.full(256, IGNORED, np.uint8)
    table[list(_IDS)] = np.arange(CLASSES)
    classes: Array = table[ids]
    return classes

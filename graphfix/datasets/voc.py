"""Pascal VOC: images, and the objects in them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from graphfix.datasets.files import numbered_lines
from graphfix.datasets.picture import Picture
from graphfix.errors import UsageError

Box = tuple[float, float, float, float]
"""``x1, y1, x2, y2`` in pixels; the last row and column belong to the box."""


@dataclass(frozen=True)
class VocObject:
    """A box that is there; one that is ``difficult`` need not be found, and may be."""

    label: str
    box: Box
    difficult: bool = False


def read_voc_objects(path: Path) -> Sequence[VocObject]:
    """The objects in one annotation file (XML).

    Raises:
        UsageError: it cannot be read, or an object lacks its name or box.
    """
    try:
        objects = ElementTree.parse(path).getroot().findall("object")
        return [
            VocObject(
                _text(item, "name"),
                (
                    float(_text(item, "bndbox/xmin")),
                    float(_text(item, "bndbox/ymin")),
                    float(_text(item, "bndbox/xmax")),
                    float(_text(item, "bndbox/ymax")),
                ),
                item.findtext("difficult", "0").strip() == "1",
            )
            for item in objects
        ]
    except (OSError, ValueError, ElementTree.ParseError) as error:
        raise UsageError(f"{path}: is no annotation of Pascal VOC: {error}") from error


def _text(item: ElementTree.Element, name: str) -> str:
    text = item.findtext(name)
    if not text:
        raise ValueError(f"an object has no {name}")
    return text.strip()


def voc(root: Path, part: str = "test") -> Iterator[Picture[Sequence[VocObject]]]:
    """The images of one part with their objects, in the order of its list.

    ``root`` is a folder such as ``VOC2007`` with ``ImageSets/Main/test.txt``, ``Annotations`` and
    ``JPEGImages``.

    Raises:
        UsageError: a file is missing or cannot be read.
    """
    for where, line in numbered_lines(root / "ImageSets" / "Main" / f"{part}.txt"):
        name = line.split()[0]
        path = root / "JPEGImages" / f"{name}.jpg"
        if not path.is_file():
            raise UsageError(f"{where}: there is no image {path}")
        yield Picture(name, path, read_voc_objects(root / "Annotations" / f"{name}.xml"))

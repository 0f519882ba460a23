"""Market-1501: who is in each image, and which camera made it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from graphfix.datasets.files import numbered_lines, put
from graphfix.errors import UsageError

JUNK = -1
"""The person of an image that is left out; 0 are people nobody asks for."""
_NAME = re.compile(r"(?P<person>-1|\d+)_c(?P<camera>\d+)")


@dataclass(frozen=True)
class Identity:
    """Who is in an image, which camera made it, and whether it is asked for or searched in."""

    person: int
    camera: int
    query: bool


def read_identities(path: Path) -> Mapping[str, Identity]:
    """Who is in each image: from lines, or from the names in the folders of Market-1501.

    A line is ``NAME PERSON CAMERA query`` or ``… gallery``. The folders are ``query`` and
    ``bounding_box_test``, with names such as ``0002_c1s1_000451_03.jpg``.

    Raises:
        UsageError: it cannot be read, has another form, or a name comes twice.
    """
    found: dict[str, Identity] = {}
    if path.is_dir():
        for folder, query in (("query", True), ("bounding_box_test", False)):
            if not (path / folder).is_dir():
                raise UsageError(f"{path}: has no folder {folder}, as Market-1501 has")
            for file in sorted((path / folder).glob("*.jpg")):
                name = _NAME.match(file.name)
                if name is None:
                    raise UsageError(f"{file}: has no name of the form 0002_c1s1_000451_03.jpg")
                truth = Identity(int(name["person"]), int(name["camera"]), query)
                put(found, file.name, truth, str(file))
        return found
    for where, line in numbered_lines(path):
        words = line.split()
        try:
            image, person, camera, part = words
            truth = Identity(int(person), int(camera), {"query": True, "gallery": False}[part])
        except (ValueError, KeyError) as error:
            raise UsageError(f"{where}: write NAME PERSON CAMERA query (or gallery)") from error
        put(found, image, truth, where)
    return found

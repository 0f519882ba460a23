"""COCO: images and the JSON that describes them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from graphfix.datasets.picture import Picture
from graphfix.errors import UsageError


def coco_images(folder: Path, annotations: Mapping[str, Any]) -> Iterator[Picture[int]]:
    """The images of ``annotations`` (such as ``instances_val2017.json``) by id, which is the truth.

    Raises:
        UsageError: the document has another form, or an image is not in ``folder``.
    """
    for record in _records(annotations, "images"):
        path = folder / str(record.get("file_name"))
        if not path.is_file():
            raise UsageError(f"{folder}: has no image {record.get('file_name')}")
        yield Picture(path.stem, path, int(record["id"]))


def category_ids(annotations: Mapping[str, Any]) -> tuple[int, ...]:
    """The ids of the categories in ascending order, in which detectors number their classes.

    Raises:
        UsageError: the document has another form.
    """
    return tuple(int(record["id"]) for record in _records(annotations, "categories"))


def _records(document: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    try:
        return sorted(document[key], key=lambda record: int(record["id"]))
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"there is no list {key!r} with ids, as COCO's JSON has") from error

"""Results and annotations of COCO, checked before pycocotools passes over them or trips."""

import enum
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from graphfix.metrics.rle import fits


class CocoKind(enum.Enum):
    """What is compared."""

    BBOX = "bbox"
    SEGM = "segm"
    KEYPOINTS = "keypoints"


Record = Mapping[str, Any]
"""One object of COCO's JSON."""
Table = Mapping[object, Record]
"""Records by their ids."""

_FIELDS = {
    CocoKind.BBOX: "bbox",
    CocoKind.SEGM: "segmentation",
    CocoKind.KEYPOINTS: "keypoints",
}
_KEYPOINT_NUMBERS = 17 * 3
"""COCO's tolerances are for 17 keypoints of a person, each with x, y and a score."""
_LARGEST = 1e9
"""Pixels, or square pixels; pycocotools computes with larger ones, but not what they mean."""


def result_problem(result: Record, kind: CocoKind, images: Table, categories: Table) -> str:
    """What is wrong with the form of a result; nothing if it can be evaluated."""
    missing = _missing(result, ("image_id", "category_id", "score", _FIELDS[kind]))
    if missing:
        return missing
    if not _is_in(result["image_id"], images):
        return f"image {result['image_id']!r} is not in the truth"
    if not _is_in(result["category_id"], categories):
        return (
            f"category {result['category_id']!r} is not in the truth; map the classes of the model "
            "to the ids of the categories"
        )
    if not _are_numbers([result["score"]]):
        return "'score' is no number"
    if kind is not CocoKind.SEGM:
        return _numbers_problem(result, kind)
    mask = result["segmentation"]
    if not isinstance(mask, Mapping) or not isinstance(mask.get("counts"), (str, bytes)):
        return "'segmentation' is no compressed RLE {'size': …, 'counts': …}"
    return _mask_problem(mask, images[result["image_id"]])


def is_finite(result: Record, kind: CocoKind) -> bool:
    """Whether the numbers of a result of good form are such as pictures can have."""
    numbers = () if kind is CocoKind.SEGM else result[_FIELDS[kind]]
    return _are_finite([result["score"], *numbers])


def truth_problem(truth: Record, kind: CocoKind, images: Table) -> str:
    """What is wrong with an annotation; nothing if it can be evaluated."""
    needed = ("image_id", "category_id", "area", "iscrowd", "bbox", _FIELDS[kind])
    problem = _missing(truth, needed) or _numbers_problem(truth, CocoKind.BBOX)
    if problem:
        return problem
    if not _is_in(truth["image_id"], images):
        return f"image {truth['image_id']!r} is not in the list of images"
    if not isinstance(truth["category_id"], (int, str)):
        return "'category_id' is no id"
    if truth["iscrowd"] not in (0, 1):
        return "'iscrowd' is neither 0 nor 1"
    if not _are_numbers([truth["area"]]) or not _are_finite([truth["area"], *truth["bbox"]]):
        return "'area' or 'bbox' is no number"
    if kind is CocoKind.KEYPOINTS:
        return _keypoints_problem(truth)
    if kind is CocoKind.SEGM:
        return _outline_problem(truth["segmentation"], images[truth["image_id"]])
    return ""


def _missing(record: Record, keys: Sequence[str]) -> str:
    for key in keys:
        if not isinstance(record, Mapping) or key not in record:
            return f"has no {key!r}"
    return ""


def _numbers_problem(record: Record, kind: CocoKind) -> str:
    value = record[_FIELDS[kind]]
    if kind is CocoKind.BBOX and not (_are_numbers(value) and len(value) == 4):
        return "'bbox' is not [x, y, width, height]"
    if kind is CocoKind.KEYPOINTS and not (_are_numbers(value) and len(value) == _KEYPOINT_NUMBERS):
        return f"'keypoints' are not {_KEYPOINT_NUMBERS} numbers"
    return ""


def _keypoints_problem(truth: Record) -> str:
    problem = _numbers_problem(truth, CocoKind.KEYPOINTS)
    if problem:
        return problem
    if not isinstance(truth.get("num_keypoints"), int) or not _are_finite(truth["keypoints"]):
        return "'num_keypoints' is missing, or a number of 'keypoints' not finite"
    return ""


def _outline_problem(outline: object, image: Record) -> str:
    if isinstance(outline, Mapping):
        return _mask_problem(outline, image)
    polygons = outline if isinstance(outline, list) and outline else [None]
    for polygon in polygons:
        if (
            not _are_numbers(polygon)
            or not _are_finite(polygon)
            or len(polygon) < 6
            or len(polygon) % 2
        ):
            return "'segmentation' is neither RLE nor a list of polygons [x, y, x, y, x, y …]"
    return ""


def _mask_problem(mask: Record, image: Record) -> str:
    height, width = image.get("height"), image.get("width")
    if not isinstance(height, int) or not isinstance(width, int):
        return "the image has no height and width in the truth"
    if mask.get("size") not in ([height, width], (height, width)):
        return f"the mask has size {mask.get('size')}, but the image [{height}, {width}]"
    if not fits(mask.get("counts"), height * width):
        return "the runs of the mask are broken, or do not cover the image"
    return ""


def _is_in(key: object, table: Table) -> bool:
    return isinstance(key, (int, str)) and key in table


def _are_numbers(value: object) -> TypeGuard[Sequence[float]]:
    return isinstance(value, (list, tuple)) and all(
        isinstance(item, (int, float)) and not isinstance(item, bool) for item in value
    )


def _are_finite(numbers: Sequence[float]) -> bool:
    return all(abs(number) <= _LARGEST for number in numbers)

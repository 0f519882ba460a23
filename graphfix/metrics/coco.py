"""COCO's average precision of boxes, masks and keypoints, as pycocotools computes it."""

import contextlib
import enum
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphfix.datasets.files import read_json
from graphfix.errors import ModelError, UsageError
from graphfix.library import library
from graphfix.metrics.metric import Files, Metric
from graphfix.metrics.rle import fits
from graphfix.metrics.score import Figure, Score


class CocoKind(enum.Enum):
    """What is compared."""

    BBOX = "bbox"
    SEGM = "segm"
    KEYPOINTS = "keypoints"


Record = Mapping[str, Any]
"""One object of COCO's JSON."""

_SIZES = ("small", "medium", "large")
_OF_AREAS = (
    *("AP", "AP50", "AP75", *(f"AP {size}" for size in _SIZES)),
    *("AR1", "AR10", "AR100", *(f"AR {size}" for size in _SIZES)),
)
_OF_KEYPOINTS = (
    *("AP", "AP50", "AP75", "AP medium", "AP large"),
    *("AR", "AR50", "AR75", "AR medium", "AR large"),
)
_KEYPOINT_NUMBERS = 17 * 3
"""COCO's tolerances are for 17 keypoints of a person, each with x, y and a score."""


def coco_precision(
    results: Sequence[Record], annotations: Record, kind: CocoKind = CocoKind.BBOX
) -> Score:
    """``AP`` and the other figures that COCO's own script prints, in its order.

    ``results`` are records as for COCO's evaluation server: ``image_id``, ``category_id``,
    ``score``, and ``bbox`` as ``[x, y, width, height]`` in pixels, or ``segmentation`` as
    compressed RLE, or ``keypoints`` as 51 numbers. ``annotations`` is the whole document of the
    truth. All of its images count, with and without results. ``AP`` is the mean over the
    categories and the overlaps 0.5, 0.55 … 0.95, with at most 100 results per image (20 for
    keypoints); ``AR10`` the mean recall with 10. A figure about something that is not in the truth
    is NaN. See https://cocodataset.org/#detection-eval and #keypoints-eval.

    Raises:
        UsageError: a record has another form, or an image or category that the truth does not
            have.
        ModelError: a number of a result is NaN.
    """
    images = _by_id(annotations, "images")
    categories = _by_id(annotations, "categories")
    for number, result in enumerate(results):
        problem = _problem(result, kind, images, categories)
        if problem:
            raise UsageError(f"result {number}: {problem}")
        if not _finite(result[_field(kind)]) or not _finite(result["score"]):
            raise ModelError(f"result {number} (image {result['image_id']}): a number is NaN")
    truths = _truths(annotations)
    for number, truth in enumerate(truths if kind is CocoKind.SEGM else ()):
        mask = truth.get("segmentation")
        image = images.get(truth.get("image_id"), {})
        problem = _mask_problem(mask, image) if isinstance(mask, Mapping) else ""
        if problem:
            raise UsageError(f"annotation {number} of the truth: {problem}")
    # Copies, because pycocotools writes into what it is given; and it prints.
    document = {**annotations, "annotations": list(map(dict, truths))}
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            stats = _stats(document, list(map(dict, results)), kind)
        except (KeyError, TypeError, IndexError) as error:
            raise UsageError(f"the truth is not as COCO's JSON has to be: {error!r}") from error
    names = _OF_KEYPOINTS if kind is CocoKind.KEYPOINTS else _OF_AREAS
    figures = tuple(
        Figure(name, float("nan") if value < 0 else float(value))
        for name, value in zip(names, stats, strict=True)
    )
    return Score(figures, len(images), "images", () if results else ("there is no result",))


def _stats(document: Record, results: list[Record], kind: CocoKind) -> Any:
    coco = library("pycocotools.coco")
    truth = _coco(coco, document)
    # loadRes wants at least one.
    found = truth.loadRes(results) if results else _coco(coco, {**document, "annotations": []})
    evaluation = library("pycocotools.cocoeval").COCOeval(truth, found, kind.value)
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return evaluation.stats


def _coco(module: Any, document: Record) -> Any:
    made = module.COCO()
    made.dataset = document
    made.createIndex()
    return made


def _by_id(document: Record, key: str) -> Mapping[object, Record]:
    try:
        found = {item["id"]: item for item in document[key]}
    except (KeyError, TypeError) as error:
        raise UsageError(f"the truth has no list {key!r} with ids, as COCO's JSON has") from error
    if not found:
        raise UsageError(f"the list {key!r} of the truth is empty")
    return found


def _truths(document: Record) -> Sequence[Record]:
    truths = document.get("annotations")
    if not isinstance(truths, list) or not all(isinstance(item, dict) for item in truths):
        raise UsageError("the truth has no list 'annotations', as COCO's JSON has")
    return truths


def _field(kind: CocoKind) -> str:
    return "segmentation" if kind is CocoKind.SEGM else kind.value


def _problem(
    result: Record,
    kind: CocoKind,
    images: Mapping[object, Record],
    categories: Mapping[object, Record],
) -> str:
    """What is wrong with a result, which pycocotools would pass over or trip over."""
    field = _field(kind)
    needed = ("image_id", "category_id", "score", field)
    missing = [key for key in needed if not isinstance(result, Mapping) or key not in result]
    if missing:
        return f"has no {missing[0]!r}"
    if not _is_in(result["image_id"], images):
        return f"image {result['image_id']!r} is not in the truth"
    if not _is_in(result["category_id"], categories):
        return (
            f"category {result['category_id']!r} is not in the truth; map the classes of the model "
            "to the ids of the categories"
        )
    if not _numbers([result["score"]]):
        return "'score' is no number"
    value = result[field]
    if kind is CocoKind.BBOX and not (_numbers(value) and len(value) == 4):
        return "'bbox' is not [x, y, width, height]"
    if kind is CocoKind.KEYPOINTS and not (_numbers(value) and len(value) == _KEYPOINT_NUMBERS):
        return f"'keypoints' are not {_KEYPOINT_NUMBERS} numbers"
    if kind is CocoKind.SEGM:
        if not isinstance(value, Mapping) or not isinstance(value.get("counts"), (str, bytes)):
            return "'segmentation' is no compressed RLE {'size': …, 'counts': …}"
        return _mask_problem(value, images[result["image_id"]])
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


def _is_in(key: object, table: Mapping[object, Record]) -> bool:
    return isinstance(key, (int, str)) and key in table


def _numbers(value: object) -> bool:
    return isinstance(value, (list, tuple)) and all(
        isinstance(item, (int, float)) and not isinstance(item, bool) for item in value
    )


def _finite(value: object) -> bool:
    items = value if isinstance(value, (list, tuple)) else [value]
    return all(not isinstance(item, float) or math.isfinite(item) for item in items)


@dataclass(frozen=True)
class Coco(Metric):
    """COCO's average precision of boxes, masks or keypoints, as pycocotools computes it."""

    name = "coco"
    outputs = "JSON file with results as for COCO's evaluation server"
    labels = "JSON file with annotations, such as instances_val2017.json"
    libraries = ("pycocotools",)
    reads_arrays = False

    type: CocoKind = CocoKind.BBOX
    """What is compared."""

    def evaluate(self, files: Files) -> Score:
        """See :func:`coco_precision`."""
        results, annotations = read_json(files.outputs), read_json(files.labels)
        if not isinstance(results, list):
            raise UsageError(f"{files.outputs}: is not a list of results")
        if not isinstance(annotations, dict):
            raise UsageError(f"{files.labels}: is not an object, as COCO's JSON is")
        try:
            return coco_precision(results, annotations, self.type)
        except (UsageError, ModelError) as error:
            raise type(error)(f"{files.outputs} with {files.labels}: {error}") from error

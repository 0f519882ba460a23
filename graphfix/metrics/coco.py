"""COCO's average precision of boxes, masks and keypoints, as pycocotools computes it."""

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from graphfix.datasets.files import read_json
from graphfix.errors import ModelError, UsageError
from graphfix.library import library
from graphfix.metrics.coco_records import (
    CocoKind,
    Record,
    Table,
    is_finite,
    result_problem,
    truth_problem,
)
from graphfix.metrics.metric import Files, Metric
from graphfix.metrics.score import Figure, Score

_SIZES = ("small", "medium", "large")
_OF_AREAS = (
    *("AP", "AP50", "AP75", *(f"AP {size}" for size in _SIZES)),
    *("AR1", "AR10", "AR100", *(f"AR {size}" for size in _SIZES)),
)
_OF_KEYPOINTS = (
    *("AP", "AP50", "AP75", "AP medium", "AP large"),
    *("AR", "AR50", "AR75", "AR medium", "AR large"),
)


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
    truths = _truths(annotations)
    for number, truth in enumerate(truths):
        problem = truth_problem(truth, kind, images)
        if problem:
            raise UsageError(f"annotation {number} of the truth: {problem}")
    for number, result in enumerate(results):
        problem = result_problem(result, kind, images, categories)
        if problem:
            raise UsageError(f"result {number}: {problem}")
        if not is_finite(result, kind):
            raise ModelError(
                f"result {number} (image {result['image_id']}): a number is NaN or beyond 1e9"
            )
    # Copies, because pycocotools writes into what it is given. It takes a match with the id 0 for
    # none. And it prints.
    numbered = [{**truth, "id": number} for number, truth in enumerate(truths, 1)]
    document = {**annotations, "annotations": numbered}
    with contextlib.redirect_stdout(io.StringIO()):
        stats = _stats(document, list(map(dict, results)), kind)
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


def _by_id(document: Record, key: str) -> Table:
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

"""COCO's figures: what goes into pycocotools, and examples that can be counted by hand."""

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphfix.errors import ModelError, UsageError
from graphfix.library import library
from graphfix.metrics import CocoKind, Files, coco_precision
from graphfix.metrics.coco import Coco

Document = dict[str, Any]


def truth(*boxes: tuple[int, list[float]], **more: Any) -> Document:
    """Boxes by image, all of category 18."""
    return {
        "images": [{"id": k, "width": 640, "height": 480} for k in (1, 2, 3)],
        "categories": [{"id": 18, "name": "dog"}, {"id": 90, "name": "brush"}],
        "annotations": [
            {
                "id": number,
                "image_id": image,
                "category_id": 18,
                "bbox": box,
                "area": box[2] * box[3],
                "iscrowd": 0,
                **more,
            }
            for number, (image, box) in enumerate(boxes, 1)
        ],
    }


def result(image: int, score: float, box: list[float], category: int = 18) -> Document:
    return {"image_id": image, "category_id": category, "score": score, "bbox": box}


BOX = [100.0, 100.0, 100.0, 100.0]
OTHER = [300.0, 300.0, 50.0, 50.0]


def test_precision_is_averaged_over_recalls_by_hand() -> None:
    """Right, wrong, right: precision 1 up to recall 0.5 (51 of 101 points), then 2/3."""
    results = [result(1, 0.9, BOX), result(1, 0.8, OTHER), result(2, 0.7, OTHER)]
    score = coco_precision(results, truth((1, BOX), (2, OTHER)))

    expected = (51 * 1 + 50 * 2 / 3) / 101
    assert score.figure("AP").value == pytest.approx(expected)
    assert score.figure("AP50").value == pytest.approx(expected)
    assert score.figure("AR1").value == 1
    assert (score.samples, score.counted) == (3, "images")


def test_overlaps_by_hand() -> None:
    """A box of 62 of the 100 columns is right at 0.5, 0.55 and 0.6: three of ten."""
    score = coco_precision([result(1, 0.9, [100, 100, 62, 100])], truth((1, BOX)))

    assert score.figure("AP").value == pytest.approx(0.3)
    assert [score.figure(name).value for name in ("AP50", "AP75")] == pytest.approx([1, 0])


def test_sizes_without_a_truth_are_nan() -> None:
    score = coco_precision([result(1, 0.9, BOX)], truth((1, BOX)))

    assert [figure.name for figure in score.figures] == [
        *("AP", "AP50", "AP75", "AP small", "AP medium", "AP large"),
        *("AR1", "AR10", "AR100", "AR small", "AR medium", "AR large"),
    ]
    assert score.figure("AP large").value == pytest.approx(1)
    assert np.isnan(score.figure("AP small").value)


def test_an_image_without_results_counts() -> None:
    score = coco_precision([result(1, 0.9, BOX)], truth((1, BOX), (2, BOX)))

    assert score.figure("AP").value == pytest.approx(51 / 101)


def test_no_result_at_all_is_zero_and_is_told() -> None:
    score = coco_precision([], truth((1, BOX)))

    assert score.figure("AP").value == 0
    assert score.notes == ("there is no result",)


def test_nothing_is_printed_and_nothing_given_is_changed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    results, document = [result(1, 0.9, BOX)], truth((1, BOX))
    before = copy.deepcopy((results, document))
    coco_precision(results, document)

    assert capsys.readouterr() == ("", "")
    assert (results, document) == before


def test_masks() -> None:
    """The upper 60 rows of a mask of 100."""
    mask = library("pycocotools.mask")

    def rle(rows: int) -> Document:
        array = np.zeros((480, 640), np.uint8, order="F")
        array[100 : 100 + rows, 100:200] = 1
        encoded = mask.encode(array)
        return {"size": list(encoded["size"]), "counts": encoded["counts"].decode()}

    polygon = [[100.0, 100.0, 200.0, 100.0, 200.0, 200.0, 100.0, 200.0]]
    document = truth((1, BOX), segmentation=polygon)
    found = {"image_id": 1, "category_id": 18, "score": 0.9, "segmentation": rle(62)}

    score = coco_precision([found], document, CocoKind.SEGM)
    assert score.figure("AP").value == pytest.approx(0.3)
    wrong = {**found, "segmentation": {**rle(62), "size": [640, 480]}}
    with pytest.raises(UsageError, match=r"the mask has size \[640, 480\], but the image \[480"):
        coco_precision([wrong], document, CocoKind.SEGM)
    broken = {**found, "segmentation": {"size": [480, 640], "counts": "0"}}
    with pytest.raises(UsageError, match="result 0: the runs of the mask are broken, or do not"):
        coco_precision([broken], document, CocoKind.SEGM)
    crowd = {"size": [480, 640], "counts": [10, 20]}
    with pytest.raises(UsageError, match="annotation 0 of the truth: the runs of the mask are"):
        coco_precision([found], truth((1, BOX), segmentation=crowd), CocoKind.SEGM)
    with pytest.raises(UsageError, match="'segmentation' is no compressed RLE"):
        coco_precision([{**found, "segmentation": polygon}], document, CocoKind.SEGM)


def test_keypoints() -> None:
    """All 17 right, or 16 of them far off: similarity 1/17."""
    points = [value for k in range(17) for value in (100.0 + 5 * k, 150.0, 2.0)]
    document = truth((1, BOX), keypoints=points, num_keypoints=17)
    off = [*points[:3], *(v + 1000 for v in points[3:])]
    found = {"image_id": 1, "category_id": 18, "score": 0.9, "keypoints": points}

    kind = CocoKind.KEYPOINTS
    score = coco_precision([found], document, kind)
    assert [figure.name for figure in score.figures][:5] == [
        *("AP", "AP50", "AP75", "AP medium", "AP large"),
    ]
    assert score.figure("AP").value == pytest.approx(1)
    assert coco_precision([{**found, "keypoints": off}], document, kind).figure("AP").value == 0
    with pytest.raises(UsageError, match="result 0: 'keypoints' are not 51 numbers"):
        coco_precision([{**found, "keypoints": points[:-1]}], document, kind)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"image_id": 4}, "result 1: image 4 is not in the truth"),
        ({"image_id": [1]}, "result 1: image [1] is not in the truth"),
        (
            {"category_id": 0},
            (
                "result 1: category 0 is not in the truth; map the classes of the model to "
                "the ids of the categories"
            ),
        ),
        ({"score": "0.5"}, "result 1: 'score' is no number"),
        ({"bbox": [1, 2, 3]}, "result 1: 'bbox' is not [x, y, width, height]"),
        ({"bbox": [1, 2, 3, None]}, "result 1: 'bbox' is not [x, y, width, height]"),
    ],
)
def test_a_wrong_result_is_named(wrong: Document, message: str) -> None:
    with pytest.raises(UsageError) as error:
        coco_precision([result(1, 0.9, BOX), {**result(1, 0.9, BOX), **wrong}], truth((1, BOX)))
    assert str(error.value) == message


@pytest.mark.parametrize(
    "wrong", [{"score": float("nan")}, {"bbox": [1.0, 2.0, float("inf"), 4.0]}]
)
def test_nan_is_a_failure_of_the_model(wrong: Document) -> None:
    with pytest.raises(ModelError, match=r"result 0 \(image 1\): a number is NaN or beyond 1e9"):
        coco_precision([{**result(1, 0.9, BOX), **wrong}], truth((1, BOX)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": []}, "the list 'images' of the truth is empty"),
        ({"categories": None}, "the truth has no list 'categories' with ids"),
        ({"annotations": None}, "the truth has no list 'annotations'"),
        ({"images": [{"id": []}]}, "the truth has no list 'images' with ids"),
        ({"annotations": [{"id": 1}]}, "annotation 0 of the truth: has no 'image_id'"),
    ],
)
def test_a_wrong_truth_is_refused(change: Document, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        coco_precision([result(1, 0.9, BOX)], {**truth((1, BOX)), **change})


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        (CocoKind.BBOX, {"image_id": 9}, "image 9 is not in the list of images"),
        (CocoKind.BBOX, {"image_id": [1]}, "image [1] is not in the list of images"),
        (CocoKind.BBOX, {"category_id": {}}, "'category_id' is no id"),
        (CocoKind.BBOX, {"iscrowd": "no"}, "'iscrowd' is neither 0 nor 1"),
        (CocoKind.BBOX, {"area": float("nan")}, "'area' or 'bbox' is no number"),
        (CocoKind.BBOX, {"area": None}, "'area' or 'bbox' is no number"),
        (CocoKind.BBOX, {"bbox": [1, 2, 3, 1e300]}, "'area' or 'bbox' is no number"),
        (CocoKind.BBOX, {"bbox": 5}, "'bbox' is not [x, y, width, height]"),
        (CocoKind.SEGM, {"segmentation": [[1, 2, 3, 4]]}, "'segmentation' is neither RLE nor a"),
        (CocoKind.SEGM, {"segmentation": []}, "'segmentation' is neither RLE nor a list of"),
        (CocoKind.SEGM, {"segmentation": [[0, 0, 1, 0, 1e300, 1]]}, "'segmentation' is neither"),
        (CocoKind.KEYPOINTS, {"keypoints": [1.0] * 51}, "'num_keypoints' is missing, or a"),
        (CocoKind.KEYPOINTS, {"keypoints": [1.0] * 50}, "'keypoints' are not 51 numbers"),
    ],
)
def test_a_wrong_annotation_is_named(kind: CocoKind, change: Document, message: str) -> None:
    document = truth((1, BOX), (2, BOX))
    document["annotations"] = [{**item, **change} for item in document["annotations"]]
    with pytest.raises(UsageError) as error:
        coco_precision([], document, kind)
    assert str(error.value).startswith(f"annotation 0 of the truth: {message}")


def test_ids_of_annotations_do_not_matter() -> None:
    """pycocotools takes a match with the id 0 for none, and mixes up equal ids."""
    document = truth((1, BOX), (2, BOX))
    for annotation in document["annotations"]:
        annotation["id"] = 0
    score = coco_precision([result(1, 0.9, BOX), result(2, 0.9, BOX)], document)

    assert score.figure("AP").value == pytest.approx(1)


def test_files(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(json.dumps([result(1, 0.9, BOX)]))
    (tmp_path / "truth.json").write_text(json.dumps(truth((1, BOX))))
    files = Files(tmp_path / "results.json", tmp_path / "truth.json")

    assert Coco().evaluate(files).figure("AP").value == pytest.approx(1)
    (tmp_path / "results.json").write_text(json.dumps([result(9, 0.9, BOX)]))
    with pytest.raises(UsageError, match=r"results\.json with .*truth\.json: result 0: image 9"):
        Coco().evaluate(files)
    (tmp_path / "results.json").write_text("{}")
    with pytest.raises(UsageError, match=r"results\.json: is not a list of results"):
        Coco().evaluate(files)

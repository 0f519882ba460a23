"""Intersection over union, accuracy, kappa."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from graphfix.errors import ModelError, UsageError
from graphfix.metrics import Files, Judged, Layout, class_map, segmentation
from graphfix.metrics.segmentation import Segmentation


def maps(seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    truth = random.integers(0, 5, (40, 40))
    output = np.where(random.random((40, 40)) < 0.7, truth, random.integers(0, 5, (40, 40)))
    truth[:3] = 255
    return output, truth


def test_agrees_with_the_definitions_over_all_pixels_at_once() -> None:
    pairs = [maps(seed) for seed in range(4)]
    score = segmentation((Judged("img", output, truth) for output, truth in pairs), 5)

    output = np.concatenate([o[t != 255] for o, t in pairs])
    truth = np.concatenate([t[t != 255] for _, t in pairs])
    iou = [
        np.sum((output == k) & (truth == k)) / np.sum((output == k) | (truth == k))
        for k in range(5)
    ]
    right = np.mean(output == truth)
    chance = sum(np.mean(output == k) * np.mean(truth == k) for k in range(5))
    assert [figure.name for figure in score.figures] == [
        *("mIoU", "accuracy", "kappa"),
        *(f"IoU[{k}]" for k in range(5)),
    ]
    assert [figure.value for figure in score.figures] == pytest.approx(
        [np.mean(iou), right, (right - chance) / (1 - chance), *iou], rel=1e-12
    )
    assert (score.samples, score.counted, score.notes) == (4, "images", ())


def test_agrees_with_scikit_learn() -> None:
    """``jaccard_score`` (macro), ``accuracy_score`` and ``cohen_kappa_score`` of 1.9."""
    score = segmentation([Judged("img", *maps())], 5)

    assert [figure.value for figure in score.figures[:3]] == pytest.approx(
        [0.6160832738372907, 0.7628378378378379, 0.7033493970537092], rel=1e-12
    )


def test_a_class_that_is_nowhere_does_not_count() -> None:
    truth = np.array([[0, 0, 1, 1]])
    output = np.array([[0, 1, 1, 1]])
    score = segmentation([Judged("img", output, truth)], 4)

    assert score.figure("mIoU").value == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert np.isnan(score.figure("IoU[3]").value)
    invented = segmentation([Judged("img", np.array([[0, 3, 1, 1]]), truth)], 4)
    assert invented.figure("IoU[3]").value == 0
    assert invented.figure("mIoU").value == pytest.approx((1 / 2 + 1 + 0) / 3)


def test_nothing_to_count_is_nan_and_is_told() -> None:
    score = segmentation([Judged("img", np.zeros((2, 2), int), np.full((2, 2), -1))], 2, (-1, 255))

    assert all(np.isnan(figure.value) for figure in score.figures)
    assert score.notes == ("no pixel counts",)


def test_kappa_of_a_single_class_says_nothing() -> None:
    score = segmentation([Judged("img", np.zeros((2, 2), int), np.zeros((2, 2), int))], 2)

    assert score.figure("mIoU").value == 1
    assert np.isnan(score.figure("kappa").value)


@pytest.mark.parametrize(
    ("output", "truth", "message"),
    [
        (np.zeros((2, 2)), np.zeros((2, 3)), r"a map of \(2, 2\), but the truth has \(2, 3\)"),
        (
            np.full((1, 1), 2),
            np.zeros((1, 1)),
            "the output has class 2, but there are classes 0 to",
        ),
        (np.full((1, 1), -1), np.zeros((1, 1)), "the output has class -1"),
        (np.zeros((1, 1)), np.full((1, 1), 254), "the truth has class 254"),
    ],
)
def test_what_does_not_fit_is_refused(output: np.ndarray, truth: np.ndarray, message: str) -> None:
    with pytest.raises(UsageError, match=f"sample img: {message}"):
        segmentation([Judged("img", output.astype(int), truth.astype(int))], 2)


def test_scores_and_classes_become_maps_of_classes() -> None:
    scores = np.zeros((3, 2, 2), np.float16)
    scores[2, 0, 1] = scores[1, 1, 0] = 1
    expected = [[0, 2], [1, 0]]
    for array in (scores, scores[np.newaxis], np.array(expected, np.uint8)):
        assert class_map(array).tolist() == expected
    for shape in ((1, 2, 2), (1, 1, 2, 2)):
        assert class_map(np.array(expected, np.float64).reshape(shape)).tolist() == expected
    with pytest.raises(ModelError, match="1 of 12 scores are NaN"):
        class_map(np.where(np.arange(12).reshape(3, 2, 2) == 7, np.nan, scores))
    with pytest.raises(ModelError, match="no whole numbers"):
        class_map(np.array([[0.5]]))
    with pytest.raises(UsageError, match=r"shape \(2, 3, 4, 4\) is no map"):
        class_map(np.zeros((2, 3, 4, 4)))


@pytest.mark.parametrize("classes", [0, 100_000])
def test_an_impossible_number_of_classes_is_refused(classes: int) -> None:
    with pytest.raises(ValueError, match="classes must be between 1 and 4096"):
        Segmentation(classes=classes)


def test_outputs_of_ais_bench_against_label_images(tmp_path: Path) -> None:
    output, truth = maps()
    (tmp_path / "out").mkdir()
    (tmp_path / "labels").mkdir()
    scores = np.eye(5, dtype=np.float32)[output].transpose(2, 0, 1)
    scores[np.newaxis].tofile(tmp_path / "out" / "a_1.bin")
    rows = "".join("".join(f"{value} " for value in row) + "\n" for row in output)
    (tmp_path / "out" / "a_0.txt").write_text(rows)
    image = Image.fromarray(truth.astype(np.uint8))
    image.putpalette([255 - k // 3 for k in range(768)])
    image.save(tmp_path / "labels" / "a.png")

    expected = segmentation([Judged("a", output, truth)], 5)
    for layout in (Layout(index=1, shape=(1, 5, 40, 40)), Layout(index=0)):
        files = Files(tmp_path / "out", tmp_path / "labels", layout)
        assert Segmentation(classes=5).evaluate(files) == expected
    files = Files(tmp_path / "out", tmp_path / "labels", Layout(index=1))
    with pytest.raises(UsageError, match=r"sample a: shape \(8000,\) is no map"):
        Segmentation(classes=5).evaluate(files)


def test_cityscapes_is_read_by_its_label_ids(tmp_path: Path) -> None:
    for folder in ("out", "leftImg8bit/val/ulm", "gtFine/val/ulm"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "leftImg8bit/val/ulm/ulm_1_leftImg8bit.png").touch()
    ids = np.array([[7, 7, 8, 26], [0, 5, 33, 33]], np.uint8)
    Image.fromarray(ids).save(tmp_path / "gtFine/val/ulm/ulm_1_gtFine_labelIds.png")
    found = np.array([[0, 1, 1, 13], [3, 3, 18, 18]], np.int32)
    found.tofile(tmp_path / "out" / "ulm_1_leftImg8bit_0.bin")

    layout = Layout(dtype="int32", shape=(1, 2, 4))
    score = Segmentation(classes=19).evaluate(Files(tmp_path / "out", tmp_path, layout))
    assert score.figure("mIoU").value == pytest.approx((1 / 2 + 1 / 2 + 1 + 1) / 4)
    assert score.figure("accuracy").value == pytest.approx(5 / 6)

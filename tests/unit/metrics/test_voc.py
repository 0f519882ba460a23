"""Average precision by the rules of Pascal VOC."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from graphfix.datasets import VocObject
from graphfix.datasets.voc import Box
from graphfix.errors import ModelError, UsageError
from graphfix.metrics import Detection, Files, Judged, voc_precision
from graphfix.metrics.voc import Voc

A: Box = (10, 10, 29, 29)
B: Box = (100, 100, 139, 119)
FAR: Box = (300, 300, 310, 310)


def image(
    found: Sequence[tuple[float, Box]], there: Sequence[VocObject]
) -> Judged[Sequence[Detection], Sequence[VocObject]]:
    return Judged("img", [Detection("dog", score, box) for score, box in found], there)


def ap(
    *images: Judged[Sequence[Detection], Sequence[VocObject]], eleven_points: bool = False
) -> float:
    return voc_precision(images, eleven_points=eleven_points).figure("AP[dog]").value


def test_right_wrong_right_by_hand() -> None:
    """Recalls 1/3, 1/3, 2/3 at precisions 1, 1/2, 2/3."""
    images = (
        image([(0.9, A), (0.8, FAR)], [VocObject("dog", A)]),
        image([(0.7, B)], [VocObject("dog", A), VocObject("dog", B)]),
    )

    assert ap(*images) == pytest.approx(1 / 3 * 1 + 1 / 3 * 2 / 3)
    # Recalls 0 to 0.3 at precision 1, 0.4 to 0.6 at 2/3, and none above.
    assert ap(*images, eleven_points=True) == pytest.approx((4 * 1 + 3 * 2 / 3) / 11)


def test_a_second_detection_of_the_same_truth_is_wrong() -> None:
    assert ap(
        image([(0.9, A), (0.8, A), (0.7, B)], [VocObject("dog", A), VocObject("dog", B)])
    ) == (pytest.approx(1 / 2 * 1 + 1 / 2 * 2 / 3))


def test_a_difficult_truth_neither_counts_nor_harms() -> None:
    there = [VocObject("dog", A), VocObject("dog", B, difficult=True)]

    assert ap(image([(0.9, B), (0.85, B), (0.8, A)], there)) == 1
    assert ap(image([(0.9, A)], there)) == 1


def test_the_overlap_is_counted_in_whole_pixels() -> None:
    """20 x 20 pixels against 10 of their columns: exactly one half."""
    half: Box = (10, 10, 19, 29)

    assert ap(image([(0.9, half)], [VocObject("dog", A)])) == 1
    assert ap(image([(0.9, (10, 10, 18, 29))], [VocObject("dog", A)])) == 0
    assert ap(image([(0.9, (30, 10, 49, 29))], [VocObject("dog", A)])) == 0


def test_a_detection_is_held_against_the_truth_it_overlaps_most() -> None:
    """The second lies nearer the first truth, which is taken, though it overlaps the other."""
    near: Box = (10, 10, 29, 31)

    assert ap(
        image([(0.9, A), (0.8, near)], [VocObject("dog", A), VocObject("dog", (10, 10, 29, 45))])
    ) == (pytest.approx(0.5))


def test_a_detection_in_another_image_is_wrong() -> None:
    assert ap(image([], [VocObject("dog", A)]), image([(0.9, A)], [])) == 0


def test_agrees_with_the_definition_on_random_boxes() -> None:
    random = np.random.default_rng(7)
    images, ranked, positives = [], [], 0
    for number in range(20):
        truths = [
            VocObject("dog", (x, y, x + 19, y + 19)) for x, y in random.integers(0, 5, (3, 2)) * 100
        ]
        truths = list(dict.fromkeys(truths))
        scores = random.permutation(1000)[:6] / 1000 + number / 1e6
        boxes = [truths[k % len(truths)].box for k in random.integers(0, 9, 3)]
        boxes += [(500.0 + k, 0.0, 510.0, 9.0) for k in range(3)]
        found = list(zip(map(float, scores), boxes, strict=True))
        images.append(image(found, truths))
        positives += len(truths)
        seen: set[Box] = set()
        for score, box in sorted(found, reverse=True):
            ranked.append((score, box in {t.box for t in truths} and box not in seen))
            seen.add(box)
    right = [hit for _, hit in sorted(ranked, reverse=True)]
    precisions = [sum(right[: k + 1]) / (k + 1) for k in range(len(right))]
    best = [max(precisions[k:]) for k in range(len(right))]

    expected = sum(p for p, hit in zip(best, right, strict=True) if hit) / positives
    assert ap(*images) == pytest.approx(expected, rel=1e-12)


def test_labels_that_are_not_there_are_told() -> None:
    cat = [Detection("cat", 0.9, A)]
    there = [VocObject("dog", A), VocObject("cow", B, difficult=True)]
    score = voc_precision([Judged("a", cat, there)])

    assert [figure.name for figure in score.figures] == ["mAP", "AP[dog]"]
    assert score.notes == ("no truth counts for: cat, cow",)
    with pytest.raises(UsageError, match="no truth counts; check the labels"):
        voc_precision([Judged("a", cat, [])])


def test_nan_is_a_failure_of_the_model() -> None:
    with pytest.raises(ModelError, match="sample img: a detection of 'dog' has NaN"):
        ap(image([(float("nan"), A)], [VocObject("dog", A)]))


XML = """<annotation><folder>VOC2007</folder><filename>000001.jpg</filename>
<object><name>dog</name><difficult>0</difficult>
<bndbox><xmin>10</xmin><ymin>10</ymin><xmax>29</xmax><ymax>29</ymax></bndbox>
<part><name>head</name><bndbox><xmin>1</xmin></bndbox></part></object>
<object><name>person</name><difficult>1</difficult>
<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>3</xmax><ymax>4</ymax></bndbox></object></annotation>"""


@pytest.fixture
def files(tmp_path: Path) -> Files:
    for folder in ("found", "Annotations"):
        (tmp_path / folder).mkdir()
    (tmp_path / "found" / "comp4_det_test_dog.txt").write_text("000001 0.9 10 10 29 29\n")
    for name in ("000001", "000002"):
        (tmp_path / "Annotations" / f"{name}.xml").write_text(XML)
    return Files(tmp_path / "found", tmp_path / "Annotations")


def test_files_of_the_development_kit(files: Files, tmp_path: Path) -> None:
    (tmp_path / "test.txt").write_text("000001 1\n")

    assert Voc().evaluate(files).figure("mAP").value == 0.5
    assert Voc(images=tmp_path / "test.txt").evaluate(files).figure("mAP").value == 1


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("found/dog.txt", "000001 0.9 10 10 29", r"dog\.txt, line 1: write IMAGE SCORE X1 Y1 X2"),
        (
            "found/dog.txt",
            "000003 0.9 1 1 2 2",
            r"dog\.txt, line 1: image 000003 has no annotation",
        ),
        ("Annotations/000002.xml", "<annotation>", r"000002\.xml: is no annotation of Pascal VOC"),
        ("Annotations/000002.xml", "<a><object/></a>", "an object has no name"),
        ("test.txt", "000009", r"test\.txt: .*Annotations has no 000009\.xml"),
    ],
)
def test_a_broken_file_is_named(
    files: Files, tmp_path: Path, name: str, text: str, message: str
) -> None:
    (tmp_path / "test.txt").write_text("000001\n000002\n")
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=message):
        Voc(images=tmp_path / "test.txt").evaluate(files)

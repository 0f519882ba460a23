"""Text detection by the rules of ICDAR 2015."""

from pathlib import Path

import numpy as np
import pytest

from graphfix.datasets import Outline, Region
from graphfix.errors import ModelError, UsageError
from graphfix.metrics import Files, Judged, Score, text_detection
from graphfix.metrics.text_detection import TextDetection


def box(x: float, y: float, width: float = 10, height: float = 10) -> Outline:
    return ((x, y), (x + width, y), (x + width, y + height), (x, y + height))


def score(found: list[Outline], there: list[Region]) -> Score:
    return text_detection([Judged("img", found, there)])


def values(result: Score) -> list[float]:
    return [figure.value for figure in result.figures]


def test_one_of_two_found_and_one_of_three_right() -> None:
    found = score([box(0, 0), box(50, 0), box(70, 0)], [Region(box(0, 1)), Region(box(0, 50))])

    assert values(found) == pytest.approx([2 / 5, 1 / 3, 1 / 2])


def test_figures_are_of_all_images_together() -> None:
    images = [
        Judged("a", [box(0, 0)], [Region(box(0, 0))]),
        Judged("b", [box(0, 0), box(50, 50)], [Region(box(k * 20.0, 0)) for k in range(3)]),
        Judged("c", [], []),
    ]
    assert values(text_detection(images)) == pytest.approx([4 / 7, 2 / 3, 2 / 4])


def test_the_overlap_must_exceed_a_half() -> None:
    """10 x 10 pixels of 10 x 20 are one half, which is not more than that."""
    assert values(score([box(0, 0)], [Region(box(0, 0, 10, 20))])) == [0, 0, 0]
    assert values(score([box(0, 0)], [Region(box(0, 0, 10, 19.9))])) == [1, 1, 1]


def test_turned_outlines_are_intersected_exactly() -> None:
    """A square and the same turned by 45 degrees overlap in a regular octagon."""
    r = 2**0.5
    square = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    turned = ((0, -r), (r, 0), (0, r), (-r, 0))
    octagon = 8 * (r - 1)
    iou = octagon / (8 - octagon)

    for overlap, right in ((iou - 1e-9, 1.0), (iou + 1e-9, 0.0)):
        sample = Judged("img", [turned], [Region(square)])
        assert values(text_detection([sample], overlap=overlap))[1] == right


def test_a_detection_finds_one_region_and_a_region_is_found_once() -> None:
    thrice = score([box(0, 0), box(0, 1), box(0, 2)], [Region(box(0, 0))])
    shared = score([box(0, 0)], [Region(box(0, 0)), Region(box(0, 1))])

    assert values(thrice) == pytest.approx([2 / 4, 1 / 3, 1])
    assert values(shared) == pytest.approx([2 / 3, 1, 1 / 2])


def test_the_first_detection_in_order_is_taken_not_the_best() -> None:
    """As in the script of the competition; the second region is lost to the worse choice."""
    found = [box(0, 3), box(0, 0)]

    assert values(score(found, [Region(box(0, 0)), Region(box(0, 5))]))[2] == 0.5


def test_regions_that_do_not_count() -> None:
    there = [Region(box(0, 0)), Region(box(100, 0, 30, 10), counts=False)]

    inside = score([box(0, 0), box(100, 0), box(105, 0)], there)
    assert values(inside) == [1, 1, 1]
    half_out = score([box(0, 0), box(95, 0)], there)
    assert values(half_out) == pytest.approx([2 / 3, 1 / 2, 1])
    assert values(score([box(0, 0)], there)) == [1, 1, 1]


def test_nothing_found_and_nothing_there() -> None:
    assert values(score([], [Region(box(0, 0))])) == [0, 0, 0]
    nothing = values(score([box(0, 0)], [Region(box(0, 0), counts=False)]))
    assert np.isnan(nothing[0])
    assert np.isnan(nothing[2])


def test_outlines_that_cross_themselves_are_left_out_and_told() -> None:
    crossed = ((0, 0), (10, 10), (10, 0), (0, 10))
    flat = ((0, 0), (10, 0), (20, 0), (5, 0))
    tiny = box(50, 50, 1e-200, 1e-200)
    smallest = box(0, 0, 1e-200, 1e-200)
    there = [Region(box(0, 0)), Region(crossed)]
    found = score([crossed, flat, tiny, smallest, box(0, 0)], there)

    assert values(found) == [1, 1, 1]
    assert found.notes == ("5 outlines without an area of their own are left out",)


def test_nan_is_a_failure_of_the_model() -> None:
    with pytest.raises(ModelError, match="sample img: a corner of a detection is NaN"):
        score([box(float("nan"), 0)], [Region(box(0, 0))])


@pytest.fixture
def files(tmp_path: Path) -> Files:
    for folder in ("found", "gt"):
        (tmp_path / folder).mkdir()
    (tmp_path / "found" / "res_img_1.txt").write_text("0,0,10,0,10,10,0,10,0.93\n")
    (tmp_path / "found" / "img_2.txt").write_text("")
    (tmp_path / "gt" / "gt_img_1.txt").write_text(
        "\ufeff0,0,10,0,10,10,0,10,Caution, wet\r\n20,0,30,0,30,10,20,10,###\r\n", "utf-8"
    )
    (tmp_path / "gt" / "gt_img_2.txt").write_text("0,0,10,0,10,10,0,10,11\n")
    return Files(tmp_path / "found", tmp_path / "gt")


def test_files_of_the_competition(files: Files) -> None:
    assert values(TextDetection().evaluate(files)) == pytest.approx([2 / 3, 1, 1 / 2])


def test_a_broken_line_and_a_missing_file_are_named(files: Files) -> None:
    (files.outputs / "img_2.txt").write_text("0,0,10,0,10,10,0\n")
    with pytest.raises(UsageError, match=r"img_2\.txt, line 1: write x1,y1,x2,y2"):
        TextDetection().evaluate(files)
    (files.outputs / "img_2.txt").unlink()
    with pytest.raises(UsageError, match="1 of 2 labels without an output, such as img_2; run"):
        TextDetection().evaluate(files)

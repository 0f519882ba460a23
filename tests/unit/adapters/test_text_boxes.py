"""From probabilities to boxes, held against what OpenCV 4.10, Clipper 6 and MhLiao/DB have made."""

from collections.abc import Sequence

import numpy as np
import pytest

from graphfix.contract import Array
from graphfix_adapters._contours import contours
from graphfix_adapters._fill import fill
from graphfix_adapters._least_rectangle import least_rectangle
from graphfix_adapters._text_boxes import TextBoxes, _grown


def mask_of(*lines: str) -> Array:
    return np.array([[c == "#" for c in line] for line in lines])


def frames(outlines: Sequence[Array]) -> list[list[int]]:
    return [[*outline.min(axis=0).tolist(), *outline.max(axis=0).tolist()] for outline in outlines]


def test_outlines_of_regions_and_holes_come_in_the_order_of_opencv() -> None:
    mask = mask_of(
        "........##",
        ".####...#.",
        ".#..#..#..",  # a corner joins regions
        ".#.##.....",  # and closes a hole
        ".###......",
        "#.........",
        ".#.#......",  # open to below
        ".###......",
        "#.......##",
    )
    around = contours(mask, 100)
    assert frames(around) == [[8, 8, 9, 8], [1, 1, 4, 4], [0, 1, 4, 8], [7, 0, 9, 2]]
    assert frames(contours(mask, 2)) == frames(around)[:2]


def test_what_touches_the_border_has_an_outline_and_the_ground_has_none() -> None:
    assert frames(contours(np.ones((3, 4), bool), 9)) == [[0, 0, 3, 2]]
    assert not contours(np.zeros((3, 4), bool), 9)
    frame = np.pad(np.zeros((2, 3), bool), 1, constant_values=True)
    assert frames(contours(frame, 9)) == [[0, 0, 4, 3], [0, 0, 4, 3]]


def test_a_comb_is_one_region() -> None:
    comb = np.zeros((40, 81), bool)
    comb[:, ::2] = True
    comb[-1] = True
    assert frames(contours(comb, 99)) == [[0, 0, 80, 39]]


def test_the_least_rectangle_lies_on_a_side_of_the_hull() -> None:
    corners, side = least_rectangle(np.array([[0, 0], [4, 3], [1, 7], [-3, 4], [1, 3]]))
    assert side == pytest.approx(5)  # 3-4-5
    np.testing.assert_allclose(corners, [[0, 0], [4, 3], [1, 7], [-3, 4]], atol=1e-6)


@pytest.mark.parametrize(
    ("outline", "corner"),
    [
        ([[503, 606], [503, 752], [697, 752], [697, 606]], (503.0, 605.99993896484375)),
        ([[80, 299], [80, 385], [177, 385], [177, 299]], (79.99999237060547, 298.9999694824219)),
        ([[89, 863], [89, 972], [96, 972], [96, 863]], (88.99999237060547, 863.0)),
        ([[10, 20], [10, 60], [50, 60], [50, 20]], (10.0, 20.0)),
    ],
)
def test_corners_are_rounded_as_by_opencv(
    outline: list[list[int]], corner: tuple[float, float]
) -> None:
    """As it cuts them off after that, a pixel depends on it."""
    corners, _ = least_rectangle(np.array(outline))
    assert tuple(corners[0].tolist()) == corner


@pytest.mark.parametrize("points", [[[3, 4]], [[3, 4], [5, 6], [9, 10]]])
def test_points_on_a_line_have_no_rectangle(points: list[list[int]]) -> None:
    corners, side = least_rectangle(np.array(points))
    assert corners.shape == (0, 2)
    assert side == 0


def test_the_pixels_of_a_polygon_are_those_of_opencv() -> None:
    drawn = mask_of(
        "...............",
        "..##...........",
        "..######.......",
        ".###########...",
        ".#############.",
        "##############.",
        "#############..",
        "..###########..",
        "......######...",
        "..........##...",
        "...............",
    )
    corners = np.array([[2, 1], [13, 4], [11, 9], [0, 6]])
    np.testing.assert_array_equal(fill(corners, drawn.shape), drawn)
    np.testing.assert_array_equal(fill(corners - [3, 2], (7, 9)), drawn[2:9, 3:12])


def test_a_box_grows_to_the_points_of_clipper() -> None:
    box = np.array([[10.9, 20.2], [40.3, 25.9], [38.4, 35.7], [9.0, 30.0]], np.float32)
    corners = {
        *((3, 29), (3, 31), (4, 19), (5, 34), (6, 16), (8, 15), (8, 36), (11, 14), (37, 41)),
        *((39, 41), (41, 19), (42, 39), (44, 21), (44, 36), (46, 26)),
    }
    assert corners <= {(int(x), int(y)) for x, y in _grown(box, 1.5)}


def probabilities() -> Array:
    """Words at several angles: a faint one, a tiny one, one at the border, one with a hole."""
    y, x = np.mgrid[0:192, 0:320].astype(np.float64)
    out = np.full(y.shape, 0.05)
    for centre_x, centre_y, half_width, half_height, degrees, probability in (
        (70.3, 40.7, 45.2, 9.4, 0, 0.9),
        (220.5, 50.2, 60.1, 11.3, 17, 0.8),
        (80.4, 130.6, 40.7, 14.2, -31, 0.95),
        (250.2, 130.1, 30.3, 9.6, 80, 0.5),
        (160.3, 100.4, 1.6, 1.6, 0, 0.9),
        (300.8, 180.9, 40.2, 12.4, -8, 0.85),
        (190.6, 160.2, 26.3, 20.7, 5, 0.9),
    ):
        cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
        along = (x - centre_x) * cos + (y - centre_y) * sin
        across = (y - centre_y) * cos - (x - centre_x) * sin
        out[(abs(along) <= half_width) & (abs(across) <= half_height)] = probability
    out[abs(x - 190) + abs(y - 160) < 14] = 0.1
    return out.astype(np.float32)


def test_boxes_are_those_of_upstream() -> None:
    assert TextBoxes()(probabilities(), (180, 300)) == [
        ((232, 143), (300, 143), (300, 180), (232, 180)),
        ((141, 110), (222, 118), (215, 180), (134, 180)),
        ((15, 126), (106, 71), (134, 118), (43, 173)),
        ((14, 20), (118, 20), (118, 57), (14, 57)),
        ((146, 3), (280, 43), (266, 90), (132, 49)),
    ]


def test_thresholds_decide() -> None:
    faint, all_of_them = TextBoxes(score=0.45), TextBoxes(score=0.0, shortest=2)
    counts = [len(boxes(probabilities(), (192, 320))) for boxes in (faint, all_of_them)]
    assert counts == [6, 8]
    assert not TextBoxes(probability=0.96)(probabilities(), (192, 320))

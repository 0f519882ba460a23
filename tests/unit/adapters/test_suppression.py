"""Suppression of boxes against its definition, written without any shortcut."""

import numpy as np
import pytest

from graphfix.contract import Array
from graphfix_adapters._suppression import suppress


def _overlap(a: Array, b: Array) -> float:
    width, height = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    shared = max(width, 0) * max(height, 0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return float(shared / (sum(areas) - shared))


def _defined(boxes: Array, scores: Array, most: int) -> list[tuple[float, int, int]]:
    """Score, class and number of the boxes that stay."""
    kept: list[tuple[float, int, int]] = []
    for score, number, box in sorted(
        ((float(s), c, n) for c, row in enumerate(scores) for n, s in enumerate(row) if s > 0.3),
        reverse=True,
    ):
        rivals = [other for _, c, other in kept if c == number]
        if all(_overlap(boxes[box], boxes[other]) <= 0.5 for other in rivals):
            kept.append((score, number, box))
    return kept[:most]


@pytest.mark.parametrize("most", [5, 1000])
def test_the_same_as_the_definition(most: int) -> None:
    random = np.random.default_rng(0)
    corner = random.uniform(0, 40, (150, 2))
    boxes = np.hstack([corner, corner + random.uniform(5, 20, (150, 2))]).astype(np.float32)
    scores = random.uniform(0, 1, (3, 150)).astype(np.float32)
    wanted = _defined(boxes, scores, most)
    found = suppress(boxes, scores, score=0.3, overlap=0.5, most=most)
    assert len(wanted) < (scores > 0.3).sum()
    np.testing.assert_array_equal(found.scores, np.array([s for s, _, _ in wanted], np.float32))
    np.testing.assert_array_equal(found.classes, [c for _, c, _ in wanted])
    np.testing.assert_array_equal(found.boxes, boxes[[n for _, _, n in wanted]])


def test_limits_are_strict() -> None:
    boxes = np.array([[0, 0, 4, 4], [0, 0, 4, 2], [9, 9, 10, 10]], np.float32)
    scores = np.array([[0.9, 0.8, 0.5]], np.float32)
    found = suppress(boxes, scores, score=0.5, overlap=0.5, most=10)
    assert found.boxes.tolist() == [[0, 0, 4, 4], [0, 0, 4, 2]], "half is not more than half"


def test_boxes_without_area_stay() -> None:
    boxes = np.array([[1, 1, 1, 1], [1, 1, 1, 1]], np.float32)
    found = suppress(boxes, np.array([[0.9, 0.8]], np.float32), score=0.5, overlap=0.5, most=10)
    assert len(found.boxes) == 2


def test_nothing_above_the_limit() -> None:
    scores = np.zeros((2, 3), np.float32)
    found = suppress(np.ones((3, 4), np.float32), scores, score=0.05, overlap=0.5, most=10)
    assert found.boxes.shape == (0, 4)
    assert found.scores.shape == found.classes.shape == (0,)

"""BatchMultiClassNMS against plain loops: ties, degenerate boxes, too few and none."""

from typing import Any

import numpy as np
import pytest

from graphfix.errors import PassError
from tests.unit.ops import loops
from tests.unit.ops.one_call import build, run

NAME = "BatchMultiClassNMS"
ATTRIBUTES: dict[str, Any] = {
    "score_threshold": 0.3,
    "iou_threshold": 0.45,
    "max_size_per_class": 6,
    "max_total_size": 12,
}


def _inputs(
    seed: int,
    *,
    batch: int = 2,
    count: int = 40,
    classes: int = 5,
    shared: bool = False,
    coarse: bool = False,
) -> list[Any]:
    """Boxes and scores; ``coarse`` puts both on a lattice, so that many are equal."""
    random = np.random.default_rng(seed)
    corner = random.uniform(0, 10, (batch, count, 1 if shared else classes, 2))
    size = random.uniform(-0.5, 6, corner.shape)
    scores = random.uniform(0, 1, (batch, count, classes))
    if coarse:
        corner, size, scores = np.round(corner / 2) * 2, np.round(size), np.round(scores, 1)
    boxes = np.concatenate([corner, corner + size], axis=-1)
    return [boxes.astype(np.float32), scores.astype(np.float32)]


def _same(inputs: list[Any], attributes: dict[str, Any], opset: int = 16) -> list[Any]:
    found = run(NAME, inputs, attributes, opset=opset)
    for got, wanted in zip(found, loops.batch_multi_class_nms(*inputs, **attributes), strict=True):
        assert got.dtype == wanted.dtype
        np.testing.assert_array_equal(got, wanted)
    return found


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("shared", [False, True], ids=["boxes per class", "shared boxes"])
@pytest.mark.parametrize("coarse", [False, True], ids=["all different", "ties"])
def test_agrees_with_loops(seed: int, shared: bool, coarse: bool) -> None:
    *_, found = _same(_inputs(seed, shared=shared, coarse=coarse), ATTRIBUTES)
    assert (found > 0).all()


@pytest.mark.parametrize("opset", range(11, 23))
def test_runs_in_every_opset(opset: int) -> None:
    _same(_inputs(0, coarse=True), ATTRIBUTES, opset)


@pytest.mark.parametrize("seed", range(4))
def test_fewer_than_asked_for_are_filled_with_zeros(seed: int) -> None:
    _, scores, _, found = _same(
        _inputs(seed, count=6, classes=2), ATTRIBUTES | {"max_total_size": 50}
    )
    assert (found < 50).all()
    assert (scores[0, found[0] :] == 0).all()


def test_nothing_above_the_threshold() -> None:
    *_, found = _same(_inputs(0), ATTRIBUTES | {"score_threshold": 1.0})
    assert (found == 0).all()


@pytest.mark.parametrize(("batch", "count"), [(1, 0), (0, 5), (0, 0)])
def test_no_boxes_or_images(batch: int, count: int) -> None:
    _same(_inputs(0, batch=batch, count=count), ATTRIBUTES)


def test_a_score_or_an_overlap_equal_to_its_threshold() -> None:
    boxes = np.array([[0, 0, 2, 2], [0, 0, 2, 1], [0, 0, 1, 1]], np.float32)
    scores = np.array([0.75, 0.5, 0.25], np.float32)
    found_boxes, *_, found = _same(
        [boxes.reshape(1, 3, 1, 4), scores.reshape(1, 3, 1)],
        ATTRIBUTES | {"score_threshold": 0.25, "iou_threshold": 0.5},
    )
    assert found[0] == 2, "half an overlap stays, a quarter of a score goes"
    np.testing.assert_array_equal(found_boxes[0, 1], boxes[1])


def test_equal_scores_come_in_the_order_of_classes_then_boxes() -> None:
    boxes = np.arange(6, dtype=np.float32).reshape(1, 6, 1, 1) * [10, 10, 10, 10] + [0, 0, 1, 1]
    scores = np.full((1, 6, 2), 0.5, np.float32)
    found_boxes, _, classes, _ = _same(
        [boxes.astype(np.float32), scores],
        ATTRIBUTES | {"max_size_per_class": 3, "max_total_size": 5},
    )
    np.testing.assert_array_equal(classes[0], [0, 0, 0, 1, 1])
    np.testing.assert_array_equal(found_boxes[0, :, 0], [0, 10, 20, 0, 10])


def test_boxes_without_area_take_no_part() -> None:
    boxes = np.array([[1, 1, 1, 5], [3, 3, 1, 5], [0, 0, 1, 1]], np.float32).reshape(1, 3, 1, 4)
    scores = np.array([0.9, 0.8, 0.7], np.float32).reshape(1, 3, 1)
    *_, found = _same([boxes, scores], ATTRIBUTES)
    assert found[0] == 1


def test_scores_below_zero_and_not_a_number() -> None:
    boxes, scores = _inputs(3, shared=True)
    scores -= 0.5
    scores[0, 0, 0] = np.nan
    _same([boxes, scores], ATTRIBUTES | {"score_threshold": -0.4})


@pytest.mark.parametrize("seed", range(4))
def test_float16(seed: int) -> None:
    boxes, scores = _inputs(seed)
    _same([boxes.astype(np.float16), scores.astype(np.float16)], ATTRIBUTES)


def test_expanded_boxes_are_the_same_as_shared_ones() -> None:
    boxes, scores = _inputs(0, shared=True, classes=80)
    expanded = np.broadcast_to(boxes, (*scores.shape, 4)).copy()
    for a, b in zip(
        run(NAME, [boxes, scores], ATTRIBUTES),
        run(NAME, [expanded, scores], ATTRIBUTES),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)


def test_output_shapes_are_fixed() -> None:
    model = build(NAME, _inputs(0), ATTRIBUTES)
    assert [list(value.shape or ())[1:] for value in model.graph.outputs] == [
        [12, 4],
        [12],
        [12],
        [],
    ]


def test_thresholds_out_of_range_are_refused() -> None:
    with pytest.raises(PassError) as caught:
        run(NAME, _inputs(0), ATTRIBUTES | {"iou_threshold": 1.5})
    assert str(caught.value) == "BatchMultiClassNMS: iou_threshold is 1.5; it must be from 0 to 1"

"""RoiExtractor against plain loops: levels, borders, tiny regions, none at all."""

from typing import Any

import numpy as np
import pytest

from graphfix.errors import PassError
from tests.unit.ops import loops
from tests.unit.ops.one_call import build, run

NAME = "RoiExtractor"
SCALES = (0.25, 0.125, 0.0625, 0.03125)


def _features(seed: int, *, levels: int = 4, batch: int = 2) -> list[Any]:
    """Maps of a picture of 160 by 224."""
    random = np.random.default_rng(seed)
    shapes = [(batch, 3, int(160 * s), int(224 * s)) for s in SCALES[:levels]]
    return [random.normal(size=shape).astype(np.float32) for shape in shapes]


def _rois(seed: int, count: int = 24, batch: int = 2) -> Any:
    """Regions of every size, some beyond the picture, some smaller than a cell."""
    random = np.random.default_rng(seed)
    image = random.integers(0, batch, (count, 1))
    middle = random.uniform([-10, -10], [234, 170], (count, 2))
    size = np.exp(random.uniform(-1, 6.2, (count, 1)) + random.normal(size=(count, 2)) * 0.4)
    return np.hstack([image, middle - size / 2, middle + size / 2]).astype(np.float32)


def _close(inputs: list[Any], opset: int = 16, /, **attributes: Any) -> Any:
    *features, rois = inputs
    attributes.setdefault("spatial_scale", SCALES[: len(features)])
    (y,) = run(NAME, inputs, attributes, opset=opset)
    np.testing.assert_allclose(y, loops.roi_extractor(features, rois, **attributes), 1e-4, 1e-5)
    return y


@pytest.mark.parametrize("aligned", [0, 1])
@pytest.mark.parametrize("samples", [0, 2])
@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_loops(seed: int, samples: int, aligned: int) -> None:
    inputs = [*_features(seed), _rois(seed)]
    _close(inputs, sample_num=samples, aligned=aligned, pooled_height=4, pooled_width=3)


@pytest.mark.parametrize("opset", range(11, 23))
@pytest.mark.parametrize("aligned", [0, 1])
def test_runs_in_every_opset_that_can_express_it(opset: int, aligned: int) -> None:
    inputs = [*_features(0), _rois(0, 12)]
    if aligned and opset < 16:
        with pytest.raises(PassError) as caught:
            run(NAME, inputs, {"aligned": 1}, opset=opset)
        assert str(caught.value) == (
            "RoiExtractor with these attributes can be written in opsets 16 to 22, and the model "
            f"is in opset {opset}; convert it first"
        )
        return
    _close(inputs, opset, aligned=aligned, pooled_height=2, pooled_width=2)


def test_a_bound_between_levels_belongs_to_the_upper_one() -> None:
    sides = [10, 55.9, 56, 111.9, 112, 223.9, 224, 447.9, 448, 5000]
    features = [np.full((1, 1, 4, 4), level, np.float32) for level in range(4)]
    corner = [[0, -side / 2, -side / 2, side / 2, side / 2] for side in sides]
    attributes = {"sample_num": 1, "pooled_height": 1, "pooled_width": 1, "aligned": 0}
    (y,) = run(NAME, [*features, np.array(corner, np.float32)], attributes)
    np.testing.assert_array_equal(y.ravel(), [0, 0, 0, 0, 1, 1, 2, 2, 3, 3])


@pytest.mark.parametrize("levels", [1, 2, 3])
@pytest.mark.parametrize("factor", [0.0, 1.5])
def test_fewer_levels_and_scaled_regions(levels: int, factor: float) -> None:
    inputs = [*_features(5, levels=levels), _rois(5)]
    _close(inputs, roi_scale_factor=factor, finest_scale=40, pooled_height=3, pooled_width=3)


@pytest.mark.parametrize("levels", [1, 4])
def test_no_regions(levels: int) -> None:
    y = _close([*_features(0, levels=levels), np.zeros((0, 5), np.float32)])
    assert y.shape == (0, 3, 7, 7)


def test_regions_without_area_are_zero() -> None:
    rois = np.array([[0, 50, 50, 50, 90], [1, 30, 30, 30, 30]], np.float32)
    (y,) = run(NAME, [*_features(0), rois], {})
    np.testing.assert_array_equal(y, np.zeros((2, 3, 7, 7)))


def test_an_image_number_out_of_range_reads_the_nearest_image() -> None:
    features, rois = _features(0), _rois(0)
    wild = rois.copy()
    wild[:, 0] = np.where(rois[:, 0] == 0, -7.0, 1e9)
    (y,) = run(NAME, [*features, wild], {})
    (wanted,) = run(NAME, [*features, rois], {})
    np.testing.assert_array_equal(y, wanted)


@pytest.mark.parametrize("attributes", [{}, {"sample_num": 2}, {"roi_scale_factor": 1.5}])
def test_wild_regions_harm_neither_the_run_nor_others(attributes: dict[str, Any]) -> None:
    random = np.random.default_rng(0)
    wild = [0, 1, -1, 50, -50, 1e4, -1e6, 1e10, 3e38, -3e38, np.inf, -np.inf, np.nan]
    rois = np.vstack([_rois(0), random.choice(wild, (200, 5))]).astype(np.float32)
    (y,) = run(NAME, [*_features(0), rois], attributes)
    (wanted,) = run(NAME, [*_features(0), rois[:24]], attributes)
    np.testing.assert_array_equal(y[:24], wanted)
    assert np.isfinite(y).all()


def test_negative_sizes_have_no_sampling_points() -> None:
    rois = np.array([[0, 50, 50, 20, 90], [1, 30, 60, 90, 10], [0, 9, 9, 3, 3]], np.float32)
    (y,) = run(NAME, [*_features(0), rois], {})
    np.testing.assert_array_equal(y, np.zeros((3, 3, 7, 7)))


def test_float16_is_computed_in_float32_and_rounded_once() -> None:
    half = [array.astype(np.float16) for array in (*_features(0), _rois(0))]
    (y,) = run(NAME, half, {})
    (exact,) = run(NAME, [array.astype(np.float32) for array in half], {})
    assert y.dtype == np.float16
    np.testing.assert_array_equal(y, exact.astype(np.float16))


def test_output_shape_is_known_where_the_inputs_are() -> None:
    inputs = [*_features(0), _rois(0, 12)]
    model = build(NAME, inputs, {"pooled_height": 14, "pooled_width": 5}, static=True)
    assert list(model.graph.outputs[0].shape or ()) == [12, 3, 14, 5]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"spatial_scale": [0.25]}, "RoiExtractor: spatial_scale has 1 entries for 4 features"),
        ({"pool_mode": "max"}, "RoiExtractor: pool_mode must be 'avg'"),
        ({"pooled_width": 0}, "RoiExtractor: pooled_width is 0; it must be at least 1"),
        ({"aligned": 2}, "RoiExtractor: aligned is 2; it must be 0 or 1"),
    ],
)
def test_attributes_without_meaning_are_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(PassError) as caught:
        run(NAME, [*_features(0), _rois(0)], changed)
    assert str(caught.value) == message

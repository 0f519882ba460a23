"""PSROIPooling against plain loops: borders, empty bins, several images, none at all."""

from typing import Any

import numpy as np
import pytest

from graphfix.errors import PassError
from tests.unit.ops import loops
from tests.unit.ops.one_call import build, run

NAME = "PSROIPooling"
ATTRIBUTES: dict[str, Any] = {"output_dim": 2, "group_size": 3, "spatial_scale": 0.0625}


def _inputs(seed: int, *, groups: int = 2, count: int = 20, dim: int = 2, size: int = 3) -> Any:
    random = np.random.default_rng(seed)
    x = random.normal(size=(2, dim * size * size, 11, 13))
    image = random.integers(0, 2, (groups, 1, count))
    first = random.uniform(-40, 200, (groups, 2, count))
    second = first + random.uniform(-5, 150, first.shape)
    rois = np.concatenate([image, first, second], axis=1)
    return [x.astype(np.float32), rois.astype(np.float32)]


def _close(inputs: list[Any], opset: int = 16, /, **attributes: Any) -> Any:
    (y,) = run(NAME, inputs, attributes, opset=opset)
    np.testing.assert_allclose(y, loops.psroi_pooling(*inputs, **attributes), 1e-6, 1e-7)
    return y


@pytest.mark.parametrize("seed", range(6))
def test_agrees_with_loops(seed: int) -> None:
    _close(_inputs(seed), **ATTRIBUTES)


@pytest.mark.parametrize("opset", range(11, 23))
def test_runs_in_every_opset(opset: int) -> None:
    _close(_inputs(0), opset, **ATTRIBUTES)


@pytest.mark.parametrize(("dim", "size"), [(1, 1), (5, 2), (3, 7)])
def test_other_numbers_of_bins_and_channels(dim: int, size: int) -> None:
    inputs = _inputs(1, dim=dim, size=size)
    _close(inputs, output_dim=dim, group_size=size, spatial_scale=0.07)


def test_channels_go_by_output_then_row_then_column() -> None:
    x = np.arange(8, dtype=np.float32).reshape(1, 8, 1, 1) * np.ones((1, 8, 4, 4), np.float32)
    rois = np.array([0, 0, 0, 3, 3], np.float32).reshape(1, 5, 1)
    y = _close([x, rois], output_dim=2, group_size=2, spatial_scale=1.0)
    np.testing.assert_array_equal(y[0], [[[0, 1], [2, 3]], [[4, 5], [6, 7]]])


def test_corners_half_way_go_to_the_even_integer() -> None:
    x = np.arange(16, dtype=np.float32).reshape(1, 1, 1, 16) * np.ones((1, 1, 2, 1), np.float32)
    rois = np.array([[0, 0], [2.5, 3.5], [0, 0], [5.5, 6.5], [1, 1]], np.float32).reshape(1, 5, 2)
    y = _close([x, rois], output_dim=1, group_size=1, spatial_scale=1.0)
    np.testing.assert_array_equal(y.ravel(), [4.0, 5.0])


def test_bins_outside_the_map_are_zero() -> None:
    x, _ = _inputs(0)
    outside = np.array([[0, 1], [900, -900], [0, 0], [990, -800], [90, 90]], np.float32)
    y = _close([x, outside.reshape(1, 5, 2)], **ATTRIBUTES)
    np.testing.assert_array_equal(y, np.zeros_like(y))


def test_wild_regions_harm_neither_the_run_nor_others() -> None:
    random = np.random.default_rng(0)
    x, rois = _inputs(0, groups=1)
    wild = random.choice([0, 9, -9, 1e6, 3e38, -3e38, np.inf, -np.inf, np.nan], (1, 5, 100))
    (y,) = run(NAME, [x, np.concatenate([rois, wild], 2).astype(np.float32)], ATTRIBUTES)
    np.testing.assert_array_equal(y[:20], run(NAME, [x, rois], ATTRIBUTES)[0])
    assert np.isfinite(y).all()


def test_no_regions() -> None:
    assert _close(_inputs(0, count=0), **ATTRIBUTES).shape == (0, 2, 3, 3)


def test_small_values_beside_large_ones_keep_their_digits() -> None:
    x, rois = _inputs(0)
    x[:, :, :4] *= 1e6
    _close([x, rois], **ATTRIBUTES)


def test_float16_is_computed_in_float32_and_rounded_once() -> None:
    half = [array.astype(np.float16) for array in _inputs(0)]
    (y,) = run(NAME, half, ATTRIBUTES)
    (exact,) = run(NAME, [array.astype(np.float32) for array in half], ATTRIBUTES)
    assert y.dtype == np.float16
    np.testing.assert_array_equal(y, exact.astype(np.float16))


def test_output_shape_is_known_where_the_inputs_are() -> None:
    model = build(NAME, _inputs(0), ATTRIBUTES, static=True)
    assert list(model.graph.outputs[0].shape or ()) == [40, 2, 3, 3]


def test_attributes_without_meaning_are_refused() -> None:
    with pytest.raises(PassError) as caught:
        run(NAME, _inputs(0), ATTRIBUTES | {"group_size": 128})
    assert str(caught.value) == "PSROIPooling: group_size must be from 1 to 127"

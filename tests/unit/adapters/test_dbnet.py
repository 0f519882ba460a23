"""DBNet's way from pictures to inputs, and from probabilities to figures."""

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from graphfix.datasets import icdar2015
from graphfix.errors import ModelError, UsageError
from graphfix_adapters.dbnet import IMAGES, TRUTHS, DBNet


class SmallDBNet(DBNet):
    """The same with smaller pictures, which are scaled, too."""

    picture_size = (150, 310)


def dataset(folder: Path, pixels: np.ndarray) -> Path:
    (folder / IMAGES).mkdir()
    (folder / TRUTHS).mkdir()
    Image.fromarray(pixels).save(folder / IMAGES / "img_1.png")
    (folder / TRUTHS / "gt_img_1.txt").write_text("0,0,9,0,9,9,0,9,word\n", encoding="utf-8")
    return folder


def test_the_arithmetic_of_upstream(tmp_path: Path) -> None:
    """Of sizes that are multiples of 32 already, one value at a time."""
    pixels = np.random.default_rng(0).integers(0, 256, (32, 64, 3)).astype(np.uint8)
    (sample,) = DBNet().samples(dataset(tmp_path, pixels))
    assert sample.name == "img_1"
    image = sample.inputs["input"]
    assert image.dtype == np.float32
    assert image.shape == (1, 3, 32, 64)
    for channel, (source, mean) in enumerate(
        [(2, 122.67891434), (1, 116.66876762), (0, 104.00698793)]
    ):
        for row, column in ((0, 0), (3, 50), (31, 63)):
            value = np.float32(float(pixels[row, column, source]) - mean) / np.float32(255)
            assert image[0, channel, row, column] == value


def test_sizes_go_up_to_multiples_of_32_and_values_stay_in_the_declared_range(
    tmp_path: Path,
) -> None:
    pixels = np.zeros((33, 65, 3), np.uint8)
    pixels[:, 30:] = 255
    (sample,) = DBNet().samples(dataset(tmp_path, pixels))
    image = sample.inputs["input"]
    assert image.shape == (1, 3, 64, 96)
    (spec,) = DBNet.inputs
    assert spec.low is not None
    assert spec.high is not None
    assert spec.low < image.min() < spec.low + 2e-3
    assert spec.high - 2e-3 < image.max() < spec.high


def maps(folder: Path, outputs: Path, leave_out: int = 0, shrink: int = 8) -> Path:
    """What a perfect network says: words that count, shrunken as the training data are."""
    outputs.mkdir()
    for picture in icdar2015(folder / IMAGES, folder / TRUTHS):
        probability = np.full((1, 1, 160, 320), 0.01, np.float32)
        counting = [region for region in picture.truth if region.counts]
        for region in counting[leave_out:]:
            (left, top), (right, bottom) = region.outline[0], region.outline[2]
            rows = slice(int(top * 160 / 150) + shrink, int(bottom * 160 / 150) - shrink + 1)
            columns = slice(int(left * 320 / 310) + shrink, int(right * 320 / 310) - shrink + 1)
            probability[0, 0, rows, columns] = 0.99
        np.save(outputs / f"{picture.name}_0.npy", probability)
    return outputs


@pytest.mark.parametrize(("leave_out", "expected"), [(0, (1, 1)), (1, (1, 0.5)), (2, (0, 0))])
def test_a_network_that_is_right_finds_every_word(
    tmp_path: Path, leave_out: int, expected: tuple[float, float]
) -> None:
    adapter, data = SmallDBNet(), tmp_path / "tiny"
    data.mkdir()
    adapter.tiny(data)
    score = adapter.score(maps(data, tmp_path / "outputs", leave_out), data)
    assert (score.figure("precision").value, score.figure("recall").value) == expected
    assert score.samples == 2


def test_words_are_grown_before_they_are_judged(tmp_path: Path) -> None:
    """Shrunken by much more than a network learns, they stay too small."""
    adapter, data = SmallDBNet(), tmp_path / "tiny"
    data.mkdir()
    adapter.tiny(data)
    assert adapter.score(maps(data, tmp_path / "outputs", shrink=10), data).figure().value == 0


def test_a_map_with_nan_is_a_fault_of_the_model(tmp_path: Path) -> None:
    data = dataset(tmp_path, np.zeros((32, 32, 3), np.uint8))
    np.save(tmp_path / "img_1_0.npy", np.full((1, 1, 32, 32), math.nan, np.float32))
    with pytest.raises(ModelError) as caught:
        DBNet().score(tmp_path, data)
    assert str(caught.value) == "sample img_1: the probability map holds NaN or infinity"


def test_a_folder_in_another_layout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=TRUTHS):
        list(DBNet().samples(tmp_path))

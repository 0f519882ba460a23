"""OCRNet's way of a picture into the network, and of classes into figures."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from graphfix.datasets import cityscapes, read_train_ids
from graphfix.errors import UsageError
from graphfix_adapters.ocrnet import OCRNet


class SmallOCRNet(OCRNet):
    """The same at a smaller size."""

    size = (12, 64)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    SmallOCRNet().tiny(tmp_path)
    return tmp_path


def test_every_level_of_a_channel_as_upstream_scales_it(data: Path) -> None:
    levels = np.arange(12 * 64 * 3, dtype=np.uint32).astype(np.uint8).reshape(12, 64, 3)
    Image.fromarray(levels).save(next(cityscapes(data)).image)
    # In place, with halves in float64: PaddleSeg, paddleseg/transforms/functional.py, normalize.
    expected = levels.astype(np.float32) / 255.0
    expected -= np.full((1, 1, 3), 0.5)
    expected /= np.full((1, 1, 3), 0.5)

    sample = next(SmallOCRNet().samples(data))
    assert sample.name == "tiny_000000_000019_leftImg8bit"
    assert sample.inputs["x"].dtype == np.float32
    np.testing.assert_array_equal(sample.inputs["x"], expected.transpose(2, 0, 1)[None])


def test_a_picture_of_another_size_is_refused(data: Path) -> None:
    picture = next(cityscapes(data))
    Image.fromarray(np.zeros((8, 64, 3), np.uint8)).save(picture.image)
    with pytest.raises(UsageError) as error:
        next(SmallOCRNet().samples(data))
    assert str(error.value) == (
        f"{data}: {picture.name} is 8 x 64 x 3 large, the network takes 12 x 64 x 3 "
        "(height, width, RGB); Cityscapes has no other size"
    )


def test_figures_as_upstream_counts_areas(data: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    pairs = []
    for picture in cityscapes(data):
        truth = read_train_ids(picture.truth)
        guess = random.integers(0, 19, truth.shape)
        output = np.where(random.random(truth.shape) < 0.7, truth % 19, guess).astype(np.int64)
        np.save(outputs / f"{picture.name}_0.npy", output[None])
        pairs.append((output, truth))
    output, truth = (np.stack(maps) for maps in zip(*pairs, strict=True))
    kept = truth != 255
    # PaddleSeg, paddleseg/utils/metrics.py: areas of all pictures, then ratios.
    common = [((output == k) & (truth == k) & kept).sum() for k in range(19)]
    union = [(((output == k) | (truth == k)) & kept).sum() for k in range(19)]
    assert all(union), "upstream counts a class that is nowhere as 0; here it does not count"

    score = SmallOCRNet().score(outputs, data)
    assert score.samples == 2
    assert score.figure("mIoU").value == pytest.approx(
        np.mean([c / u for c, u in zip(common, union, strict=True)]), rel=1e-12
    )
    assert score.figure("accuracy").value == pytest.approx(sum(common) / kept.sum(), rel=1e-12)

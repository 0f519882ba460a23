"""The samples and the figures of the NAS-FPN adapter, without the network."""

import json
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from graphfix.contract import Array
from graphfix.errors import UsageError
from graphfix_adapters._coco_scenes import CATEGORIES
from graphfix_adapters.nas_fpn import NasFpn


@pytest.fixture
def data(tmp_path: Path) -> Path:
    NasFpn().tiny(tmp_path)
    return tmp_path


def _one_picture(folder: Path, height: int, width: int) -> Path:
    """A dataset of one picture without loss; its name has COCO's extension all the same."""
    pixels = np.arange(height * width * 3, dtype=np.int64) ** 2 // 7 % 256
    picture = Image.fromarray(pixels.astype(np.uint8).reshape(height, width, 3))
    (folder / "val2017").mkdir()
    picture.save(folder / "val2017" / "1.jpg", "PNG")
    document = {"images": [{"id": 1, "file_name": "1.jpg"}], "annotations": [], "categories": []}
    (folder / "annotations").mkdir()
    (folder / "annotations" / "instances_val2017.json").write_text(json.dumps(document))
    return folder


@pytest.mark.parametrize(
    ("height", "width", "checksum"),
    [
        (50, 64, 3493794227),
        (100, 67, 3979644191),
        (333, 500, 1946498745),
    ],
    ids=["broad", "tall", "sizes rounded"],
)
def test_the_same_bytes_as_mmcv(tmp_path: Path, height: int, width: int, checksum: int) -> None:
    """Made by imrescale, imnormalize and impad of mmcv 1.7.2 with OpenCV 5.0."""
    (sample,) = NasFpn().samples(_one_picture(tmp_path, height, width))
    image = sample.inputs["input"]
    assert image.shape == (1, 3, 640, 640)
    assert image.dtype == np.float32
    assert zlib.crc32(image.tobytes()) == checksum


def _answers(data: Path, folder: Path, moved: float = 0) -> None:
    """Outputs of a network that finds everything, each thing twice, and much with low scores."""
    random = np.random.default_rng(0)
    document = json.loads((data / "annotations" / "instances_val2017.json").read_text())
    folder.mkdir()
    for image in document["images"]:
        height, width = image["height"], image["width"]
        scale = 640 / max(height, width)
        # What is left and above of the picture, whose size is rounded.
        room = [(640 - int(side * scale + 0.5)) // 2 for side in (width, height)]
        boxes, scores = random.uniform(0, 640, (60, 4)), random.uniform(0, 0.04, (80, 60))
        truths = [t for t in document["annotations"] if t["image_id"] == image["id"]]
        for place, truth in enumerate(truths):
            left, top, wide, high = truth["bbox"]
            corners = np.array([left, top, left + wide, top + high]) * scale + (room * 2)
            label = CATEGORIES.index(truth["category_id"])
            boxes[place], scores[label, place] = corners + moved, 0.9
            boxes[place + 9], scores[label, place + 9] = corners + 8, 0.8
        name = Path(image["file_name"]).stem
        np.save(folder / f"{name}_0.npy", boxes[None].astype(np.float32))
        np.save(folder / f"{name}_1.npy", scores[None].astype(np.float32))


def test_everything_found(data: Path, tmp_path: Path) -> None:
    _answers(data, tmp_path / "outputs")
    score = NasFpn().score(tmp_path / "outputs", data)
    assert score.samples == 2
    assert score.figure("AP").value == pytest.approx(1)


def test_shifted_by_half_of_the_padding(data: Path, tmp_path: Path) -> None:
    _answers(data, tmp_path / "outputs", moved=40)
    assert NasFpn().score(tmp_path / "outputs", data).figure("AP").value < 0.5


def test_boxes_end_at_the_edge_of_the_picture(data: Path, tmp_path: Path) -> None:
    _answers(data, tmp_path / "outputs")
    file = tmp_path / "outputs" / "000000000002_0.npy"
    boxes: Array = np.load(file)
    boxes[0, 2, 2] = 640  # the rightmost thing of the tall picture
    np.save(file, boxes)
    score = NasFpn().score(tmp_path / "outputs", data)
    assert score.figure("AP50").value == pytest.approx(1)
    assert score.figure("AP").value < 0.95


def test_outputs_of_another_number_of_classes(data: Path, tmp_path: Path) -> None:
    _answers(data, tmp_path / "outputs")
    file = tmp_path / "outputs" / "000000000001_1.npy"
    np.save(file, np.load(file)[:, :20])
    with pytest.raises(UsageError) as caught:
        NasFpn().score(tmp_path / "outputs", data)
    assert str(caught.value) == (
        f"{file}: holds 1200 numbers (float32), which do not fit the shape 80,60; "
        "check shape, dtype and the number of the output"
    )


def test_outputs_that_are_not_there(data: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"000000000001_0\.npy: cannot be read"):
        NasFpn().score(tmp_path, data)

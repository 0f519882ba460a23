"""DBNet: text detection by differentiable binarization."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from graphfix.adapter import Adapter, Export, Sample
from graphfix.contract import Array
from graphfix.datasets import Outline, Picture, Region, icdar2015, read_image
from graphfix.errors import ModelError
from graphfix.metrics import Judged, Reference, Score, text_detection
from graphfix.spec import InputSpec
from graphfix_adapters._opencv_resize import resize_opencv_float
from graphfix_adapters._text_boxes import TextBoxes
from graphfix_adapters._word_scenes import write_words

MEAN = np.array((122.67891434, 116.66876762, 104.00698793))
"""Upstream calls it that of red, green and blue, and takes it from blue, green and red
(MhLiao/DB: data/processes/normalize_image.py, data/image_dataset.py); so does this."""

IMAGES, TRUTHS = "ch4_test_images", "Challenge4_Test_Task1_GT"
"""Folders of ICDAR 2015, task 4.1."""


_OPTIONS = {
    "opset": "11",
    "exporter": "torchscript",
    "width": "full",
    "batch": "1",
    "size": "dynamic",
    "upsample": "scales",
}
"""Of the export script, for the plain backbone."""


def _export(**options: str) -> Export:
    return Export(
        "export/dbnet.py",
        ("torch", "onnx"),
        "pip install torch==2.13.0 onnx onnxscript",
        {**_OPTIONS, **options},
    )


class DBNet(Adapter):
    """Outlines of words in pictures of any size, DBNet on a plain ResNet-50 (torch).

    One output: the probability that a pixel is text. What torch 1.2 wrote for each of the six
    Upsample of the pyramid computes its scales; they become constants.
    """

    name = "dbnet"
    upstream = (
        "github.com/MhLiao/DB e5a12f5c, experiments/seg_detector/ic15_resnet50_deform_thre.yaml "
        "with the backbone resnet50"
    )
    export = _export()
    pipeline = "resize-scales,auto"
    inputs = (InputSpec("input", "float32", (1, 3, "32*h", "32*w"), -0.482, 0.593),)
    shapes = ("input:1,3,736,1280",)
    picture_size: ClassVar[tuple[int, int]] = (720, 1280)
    """Height and width of the pictures that :meth:`tiny` writes; those of ICDAR 2015."""

    def samples(self, data: Path) -> Iterator[Sample]:
        """ICDAR 2015's test part: scaled up to multiples of 32 (OpenCV, float32), BGR, minus mean.

        Then by 255. The mean is subtracted in float64 and the division done in float32.
        """
        for picture in _pictures(data):
            pixels = read_image(picture.image, "RGB")[:, :, ::-1].astype(np.float32)
            height, width = (-(-side // 32) * 32 for side in pixels.shape[:2])
            scaled = (resize_opencv_float(pixels, (height, width)) - MEAN).astype(np.float32)
            image = np.ascontiguousarray((scaled / np.float32(255)).transpose(2, 0, 1)[None])
            yield Sample(picture.name, {"input": image})

    def score(self, outputs: Path, data: Path) -> Score:
        """Precision, recall and hmean of the boxes around what the map says is text."""
        return text_detection(_judged(outputs, data))

    def tiny(self, folder: Path) -> None:
        """Two pictures of words on a plain ground, whose outlines are known."""
        write_words(folder / IMAGES, folder / TRUTHS, 2, self.picture_size)


class DBNetDeformable(DBNet):
    """Outlines of words, DBNet on a ResNet-50 with deformable convolutions (torch).

    The export has ATC's DeformableConv2D in ONNX's domain, with an attribute that ATC does not
    read; it becomes an operator with a meaning that runs anywhere, and is spelled right for ATC.
    """

    name = "dbnet-dcn"
    upstream = (
        "github.com/MhLiao/DB e5a12f5c, experiments/seg_detector/ic15_resnet50_deform_thre.yaml, "
        "checkpoint ic15_resnet50"
    )
    export = _export(backbone="deformable", offsets="prefix", size="736x1280")
    pipeline = "deform-conv,resize-scales,auto"
    reference = Reference(0.854, 0.01, figure="hmean")
    """Upstream's README, short side 736, box threshold 0.6."""


def _pictures(data: Path) -> Iterator[Picture[Sequence[Region]]]:
    return icdar2015(data / IMAGES, data / TRUTHS)


def _judged(outputs: Path, data: Path) -> Iterator[Judged[Sequence[Outline], Sequence[Region]]]:
    boxes = TextBoxes()
    for picture in _pictures(data):
        probability: Array = np.load(outputs / f"{picture.name}_0.npy")[0, 0]
        if not np.isfinite(probability).all():
            raise ModelError(f"sample {picture.name}: the probability map holds NaN or infinity")
        size = read_image(picture.image, "RGB").shape[:2]
        yield Judged(picture.name, boxes(probability, (size[0], size[1])), picture.truth)

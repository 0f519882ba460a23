"""IntraDA: DeepLabv2 for street scenes, adapted from synthetic pictures."""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np

from graphfix.adapter import Adapter, Export, Sample
from graphfix.contract import Array
from graphfix.datasets import cityscapes, read_image, read_train_ids
from graphfix.metrics import Judged, Reference, Score, segmentation
from graphfix.spec import InputSpec
from graphfix_adapters._interpolate import bilinear_aligned
from graphfix_adapters._street_scenes import write_scenes

MEAN = np.array((104.00698793, 116.66876762, 122.67891434), np.float32)
"""Of blue, green and red (ADVENT: advent/domain_adaptation/config.py, IMG_MEAN)."""


class IntraDA(Adapter):
    """Segmentation of street scenes into 19 classes, DeepLabv2 on ResNet-101 (torch).

    Two outputs: scores of the auxiliary classifier, and those that count. The export needs no
    surgery: the pipeline is what the audit asks for.
    """

    name = "intrada"
    upstream = (
        "github.com/feipan664/IntraDA 070b0b70 with github.com/valeoai/ADVENT; "
        "GTA5-to-Cityscapes checkpoint, trained with torch 1.8.1"
    )
    export = Export(
        "export/intrada.py",
        ("torch", "onnx"),
        "pip install torch==2.13.0 onnx onnxscript",
        {"opset": "11", "exporter": "torchscript", "width": "full", "size": "512x1024"},
    )
    pipeline = "auto"
    inputs = (InputSpec("image", "float32", ("N", 3, 512, 1024), -123.0, 151.0),)
    shapes = ("image:1,3,512,1024",)
    preprocessing: ClassVar[dict[str, object]] = {
        "pixels": "rgb",
        "model": "bgr",
        "mean": MEAN.tolist(),
    }
    reference = Reference(0.4701, 0.01, figure="mIoU")
    size: ClassVar[tuple[int, int]] = (512, 1024)
    """Height and width that pictures are scaled to."""
    label_size: ClassVar[tuple[int, int]] = (1024, 2048)
    """Height and width of the labels, to which scores are scaled."""

    def samples(self, data: Path) -> Iterator[Sample]:
        """Cityscapes' validation part: scaled (bicubic, Pillow), BGR, 0 to 255, minus the mean.

        The way over [0, 1] is upstream's and rounds some pixels.
        """
        for picture in cityscapes(data):
            scaled = _scaled(read_image(picture.image), self.size)
            pixels = scaled.astype(np.float32) / np.float32(255) * np.float32(255)
            blue_first = pixels[:, :, ::-1] - MEAN
            image = np.ascontiguousarray(blue_first.transpose(2, 0, 1)[None])
            yield Sample(picture.name, {"image": image})

    def score(self, outputs: Path, data: Path) -> Score:
        """Mean intersection over union of the second output, scaled to the labels' size."""
        return segmentation(self._judged(outputs, data), 19)

    def tiny(self, folder: Path) -> None:
        """Two scenes of coloured bands whose classes are known."""
        write_scenes(folder, 2, self.label_size)

    def _judged(self, outputs: Path, data: Path) -> Iterator[Judged[Array, Array]]:
        for picture in cityscapes(data):
            scores = np.load(outputs / f"{picture.name}_1.npy")[0]
            classes = bilinear_aligned(scores, self.label_size).argmax(axis=0)
            yield Judged(picture.name, classes.astype(np.uint8), read_train_ids(picture.truth))


def _scaled(pixels: Array, size: tuple[int, int]) -> Array:
    from PIL import Image

    height, width = size
    image = Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(image)

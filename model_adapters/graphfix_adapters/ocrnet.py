"""OCRNet: street scenes by HRNet and object-contextual representations."""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np

from graphfix.adapter import Adapter, Export, Sample
from graphfix.contract import Array
from graphfix.datasets import cityscapes, read_image, read_train_ids
from graphfix.errors import UsageError
from graphfix.metrics import (
    Judged,
    Layout,
    Reference,
    Score,
    class_map,
    read_output,
    segmentation,
)
from graphfix.spec import InputSpec
from graphfix_adapters._street_scenes import write_scenes


class OCRNet(Adapter):
    """Segmentation of street scenes into 19 classes, OCRNet on HRNet-W18 (Paddle).

    One output, the class of each pixel. Ascend's port to Ascend 310P switches 14 of the 35
    interpolations to nearest. These follow no rule of structure, but their places in graph order
    are those of every export.
    """

    name = "ocrnet"
    upstream = (
        "github.com/PaddlePaddle/PaddleSeg release/2.1, "
        "ocrnet_hrnetw18_cityscapes_1024x512_160k, model.pdparams"
    )
    export = Export(
        "export/ocrnet.py",
        ("paddle", "paddle2onnx"),
        "pip install paddlepaddle==3.3.1 paddle2onnx==2.1.0",
        {"opset": "11", "batch": "dynamic", "width": "full", "size": "1024x2048"},
    )
    # BatchNormalization stays, as in Ascend's port. Fused, it rounds scores otherwise, and a few of
    # two million pixels, whose best classes are as good as equal, flip.
    pipeline = (
        "constants,sim{skip=[fuse_bn_into_conv]},"
        "resize-nearest{select='k=0,2,3,5,7,9,14,16,18,19,26,28,29,32',expect=14},auto"
    )
    inputs = (InputSpec("x", "float32", ("N", 3, 1024, 2048), -1.0, 1.0),)
    shapes = ("x:1,3,1024,2048",)
    preprocessing: ClassVar[dict[str, object]] = {
        "pixels": "rgb",
        "mean": 0.5,
        "std": 0.5,
        "scale": 255,
    }
    reference = Reference(0.7963, 0.01, figure="mIoU")
    size: ClassVar[tuple[int, int]] = (1024, 2048)
    """Height and width of pictures and labels."""

    def samples(self, data: Path) -> Iterator[Sample]:
        """Cityscapes' validation part as it is: RGB, 0 to 255 to [-1, 1].

        Divided by 255 in float32 first, as upstream does it.

        Raises:
            UsageError: a picture has another size than the network takes.
        """
        half, shape = np.float32(0.5), (*self.size, 3)
        for picture in cityscapes(data):
            pixels = read_image(picture.image)
            if pixels.shape != shape:
                found, wanted = (" x ".join(map(str, sizes)) for sizes in (pixels.shape, shape))
                raise UsageError(
                    f"{data}: {picture.name} is {found} large, the network takes {wanted} "
                    "(height, width, RGB); Cityscapes has no other size"
                )
            scaled = (pixels.astype(np.float32) / np.float32(255) - half) / half
            yield Sample(picture.name, {"x": np.ascontiguousarray(scaled.transpose(2, 0, 1)[None])})

    def score(self, outputs: Path, data: Path) -> Score:
        """Mean intersection over union of the classes."""
        return segmentation(self._judged(outputs, data), 19)

    def tiny(self, folder: Path) -> None:
        """Two scenes of coloured bands whose classes are known."""
        write_scenes(folder, 2, self.size)

    def _judged(self, outputs: Path, data: Path) -> Iterator[Judged[Array, Array]]:
        for picture in cityscapes(data):
            classes = class_map(read_output(outputs / f"{picture.name}_0.npy", Layout()))
            yield Judged(picture.name, classes, read_train_ids(picture.truth))

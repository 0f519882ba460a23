"""StarNet and RARE: words in scenes, straightened by a thin-plate spline before they are read."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Final

import numpy as np

from graphfix.adapter import Adapter, Export, Sample
from graphfix.contract import Array
from graphfix.datasets import Picture, lmdb_words, read_image
from graphfix.errors import UsageError
from graphfix.metrics import (
    Judged,
    Layout,
    Reference,
    Score,
    best_class,
    ctc_greedy,
    read_output,
    text_recognition,
)
from graphfix.metrics.recognition import DIGITS_AND_LETTERS
from graphfix.spec import InputSpec
from graphfix_adapters._opencv_resize import resize_opencv
from graphfix_adapters._word_pictures import write_words

_SIZE: Final = (32, 100)
"""Height and width of the input."""


def _export(backbone: str, head: str) -> Export:
    return Export(
        "export/starnet.py",
        ("paddle", "paddle2onnx", "onnx", "setuptools"),
        "pip install paddlepaddle==3.3.1 paddle2onnx==2.1.0 setuptools",
        {
            "backbone": backbone,
            "head": head,
            "opset": "16",
            "placeholder": "false",
            "width": "full",
        },
    )


def _upstream(configuration: str) -> str:
    return (
        f"github.com/PaddlePaddle/PaddleOCR a40f64a7 (release/2.5), configs/rec/{configuration}, "
        "and its checkpoint trained on MJSynth and SynthText"
    )


class StarNet(Adapter):
    """Recognition of words, STAR-Net with MobileNetV3 and CTC (Paddle).

    Exported with GridSample, or (``placeholder``) with the operators that Ascend's ModelZoo plants
    in its place; the same passes serve both.
    """

    name = "starnet"
    upstream = _upstream("rec_mv3_tps_bilstm_ctc.yml")
    export = _export("mobilenetv3", "ctc")
    pipeline = "gridsample,sim,auto"
    inputs = (InputSpec("x", "float32", ("N", 3, *_SIZE), -1.0, 1.0),)
    shapes = ("x:1,3,32,100",)
    reference = Reference(0.80028, 0.01, figure="acc")
    longest: ClassVar[int] = 25
    """Texts with more characters are left out (``max_text_length`` upstream)."""

    def samples(self, data: Path) -> Iterator[Sample]:
        """LMDB sets of words: BGR, scaled to 32 rows, zeros on the right, -1 to 1.

        A word wider than 100 columns is squeezed (``RecResizeImg`` upstream).
        """
        for word in self._words(data):
            yield Sample(word.name, {"x": _line(read_image(word.image, "RGB"))[None]})

    def score(self, outputs: Path, data: Path) -> Score:
        """``acc`` and ``norm_edit_dis`` of digits and letters without case."""
        return text_recognition(self._judged(outputs, data), DIGITS_AND_LETTERS, lower=True)

    def tiny(self, folder: Path) -> None:
        """Two sets of drawn words."""
        write_words(folder / "first", ("graphfix", "A", "2022"))
        write_words(folder / "second", ("It's", "straightened-by-a-spline"))

    def read(self, scores: Array) -> str:
        """The text that scores ``[1, 25, 37]`` mean: class 0 is the blank of CTC."""
        return ctc_greedy(scores, DIGITS_AND_LETTERS)

    def _words(self, data: Path) -> Iterator[Picture[str]]:
        """Of every LMDB folder in ``data``, whose place in it begins the names."""
        folders = sorted(path.parent for path in data.rglob("data.mdb"))
        if not folders:
            raise UsageError(
                f"{data}: holds no LMDB folder of words (none has a data.mdb); give one, or a "
                "folder of several"
            )
        for folder in folders:
            place = "".join(f"{part}_" for part in folder.relative_to(data).parts)
            for word in lmdb_words(folder):
                if 0 < len(word.truth) <= self.longest:
                    yield replace(word, name=place + word.name)

    def _judged(self, outputs: Path, data: Path) -> Iterator[Judged[str, str]]:
        for word in self._words(data):
            scores = read_output(outputs / f"{word.name}_0.npy", Layout())
            yield Judged(word.name, self.read(scores), word.truth)


class StarNetResNet34(StarNet):
    """Recognition of words, STAR-Net with ResNet34-vd and CTC (Paddle)."""

    name = "starnet-resnet34"
    upstream = _upstream("rec_r34_vd_tps_bilstm_ctc.yml")
    export = _export("resnet34", "ctc")
    reference = Reference(0.84379, 0.01, figure="acc")


class Rare(StarNet):
    """Recognition of words, RARE with MobileNetV3 and a decoder with attention (Paddle)."""

    name = "rare"
    upstream = _upstream("rec_mv3_tps_bilstm_att.yml")
    export = _export("mobilenetv3", "attention")
    reference = Reference(0.84793, 0.01, figure="acc")
    longest = 24

    def read(self, scores: Array) -> str:
        """The text that scores ``[1, 25, 38]`` mean: class 0 is the start, 37 the end.

        Neither ends a text: upstream passes over both wherever they are.
        """
        classes = best_class(scores[0], 1)
        return "".join(DIGITS_AND_LETTERS[k - 1] for k in classes if 0 < k < scores.shape[2] - 1)


def _line(pixels: Array) -> Array:
    """The picture ``[H, W, 3]`` (RGB, uint8) as input ``[3, 32, 100]`` (BGR, float32)."""
    height, width = _SIZE
    wide = min(math.ceil(height * (pixels.shape[1] / pixels.shape[0])), width)
    scaled = resize_opencv(pixels[:, :, ::-1], (height, wide)).astype(np.float32)
    line = np.zeros((3, height, width), np.float32)
    half = np.float32(0.5)
    line[:, :, :wide] = (scaled.transpose(2, 0, 1) / np.float32(255) - half) / half
    return line

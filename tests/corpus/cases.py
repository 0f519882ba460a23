# torch is not installed where types are checked
# mypy: disable-error-code="misc, import-not-found, no-any-return, unused-ignore"
"""What the corpus holds: which network, exported how, with which inputs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

import torch
from torch import nn

from tests.corpus.networks import (
    convolutional,
    detection,
    sequence,
    vision_transformer,
)

Make = Callable[[], torch.Tensor]


class Exporter(Enum):
    """Which of torch's exporters writes the file."""

    TORCHSCRIPT = "ts"
    DYNAMO = "dynamo"


@dataclass(frozen=True)
class Network:
    """A module and one example of each input."""

    family: str
    build: Callable[[], nn.Module]
    inputs: Mapping[str, Make]
    dynamic: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    """Axes of inputs that get a name instead of a size, in the exports that ask for it."""


@dataclass(frozen=True)
class Case:
    """One model of the corpus."""

    network: str
    exporter: Exporter
    opset: int
    dynamic: bool

    @property
    def name(self) -> str:
        """Name of its file, and of its row in the tables."""
        text = f"{self.network}-{self.exporter.value}{self.opset}"
        return f"{text}-dynamic" if self.dynamic else text


def _noise(*shape: int) -> Make:
    return lambda: torch.randn(shape)


def _tokens(*shape: int) -> Make:
    return lambda: torch.randint(0, 50, shape)


def _picture(build: Callable[[], nn.Module], family: str, *shape: int) -> Network:
    return Network(family, build, {"image": _noise(*shape)}, {"image": {0: "batch"}})


_cnn, _text, _vit, _boxes = convolutional, sequence, vision_transformer, detection
_SIZE = {"image": {2: "height", 3: "width"}}

NETWORKS: Mapping[str, Network] = {
    "resnet": _picture(_cnn.Residual, "classification", 2, 3, 32, 32),
    "mobilenet": _picture(_cnn.Mobile, "classification", 2, 3, 32, 32),
    "efficientnet": _picture(_cnn.Efficient, "classification", 2, 3, 31, 31),
    "shufflenet": _picture(_cnn.Shuffle, "classification", 2, 3, 32, 32),
    "convnext": _picture(_cnn.ConvNext, "classification", 2, 3, 32, 32),
    "unet": Network("segmentation", _cnn.UNet, {"image": _noise(1, 3, 25, 30)}, _SIZE),
    "deeplab": Network("segmentation", _cnn.DeepLab, {"image": _noise(2, 3, 33, 32)}, _SIZE),
    "pyramid": Network("segmentation", _cnn.Pyramid, {"image": _noise(1, 3, 44, 36)}, _SIZE),
    "superres": Network(
        "super resolution", _cnn.SuperResolution, {"image": _noise(1, 3, 12, 10)}, _SIZE
    ),
    "space2depth": _picture(_cnn.SpaceToDepth, "super resolution", 2, 3, 16, 12),
    "warp": _picture(_cnn.Warp, "recognition", 2, 3, 24, 24),
    "yolov5": _picture(_boxes.YoloV5, "detection", 2, 3, 32, 32),
    "yolov8": _picture(_boxes.YoloV8, "detection", 2, 3, 32, 32),
    "yolo-nms": Network("detection", _boxes.YoloWithNms, {"image": _noise(1, 3, 32, 32)}),
    "ssd": _picture(_boxes.Ssd, "detection", 2, 3, 64, 64),
    "centernet": _picture(_boxes.CenterNet, "detection", 2, 3, 32, 32),
    "roihead": Network(
        "detection",
        _boxes.RoiHead,
        {"image": _noise(1, 3, 32, 32), "boxes": lambda: torch.rand(5, 4) * 20},
        {"boxes": {0: "count"}},
    ),
    "fasterrcnn": Network("detection", _boxes.faster_rcnn, {"image": _noise(1, 3, 64, 64)}),
    "retinanet": Network("detection", _boxes.retina, {"image": _noise(1, 3, 64, 64)}),
    "crnn": _picture(_text.Crnn, "recognition", 2, 1, 32, 24),
    "ctc": _picture(_text.CtcGreedy, "recognition", 2, 3, 16, 24),
    "attention-decoder": _picture(_text.AttentionDecoder, "recognition", 2, 1, 16, 24),
    "encoder": Network(
        "transformer",
        _text.Encoder,
        {"tokens": _tokens(2, 7), "mask": lambda: torch.tensor([[1] * 7, [1] * 4 + [0] * 3])},
        {"tokens": {0: "batch", 1: "length"}, "mask": {0: "batch", 1: "length"}},
    ),
    "decoder": Network(
        "transformer", _text.Decoder, {"tokens": _tokens(2, 7)}, {"tokens": {0: "batch"}}
    ),
    "seq2seq": Network(
        "transformer",
        _text.SequenceToSequence,
        {"source": _noise(2, 6, 16), "target": _noise(2, 5, 16)},
        {"source": {0: "batch"}, "target": {0: "batch"}},
    ),
    "rotary": Network(
        "transformer",
        _text.Rotary,
        {"x": _noise(2, 3, 16), "past_k": _noise(2, 1, 4, 8), "past_v": _noise(2, 1, 4, 8)},
        {"past_k": {2: "past"}, "past_v": {2: "past"}},
    ),
    "vit": _picture(_vit.Vit, "transformer", 2, 3, 32, 32),
    "swin": _picture(_vit.Swin, "transformer", 2, 3, 32, 32),
    "detr": _picture(_vit.Detr, "detection", 2, 3, 32, 24),
    "recurrent": Network(
        "recurrent",
        _text.Recurrent,
        {"x": _noise(2, 7, 8), "h": _noise(1, 2, 6), "c": _noise(1, 2, 6)},
        {"x": {1: "steps"}},
    ),
    "speech": Network("audio", _text.Speech, {"wave": _noise(2, 120)}, {"wave": {0: "batch"}}),
    "spectrum": Network("audio", _text.Spectrum, {"wave": _noise(2, 128)}, {"wave": {0: "batch"}}),
    "stft": Network("audio", _text.Stft, {"wave": _noise(2, 124)}, {"wave": {0: "batch"}}),
    "separation": Network(
        "audio", _text.Separation, {"wave": _noise(2, 64)}, {"wave": {1: "samples"}}
    ),
}  # fmt: skip


def _cases(text: str) -> tuple[Case, ...]:
    cases = []
    for line in text.split("\n"):
        network, *exports = line.split()
        for export in exports:
            kind, dynamic = export.rstrip("*"), export.endswith("*")
            exporter = Exporter.DYNAMO if kind.startswith("dynamo") else Exporter.TORCHSCRIPT
            cases.append(Case(network, exporter, int(kind.removeprefix(exporter.value)), dynamic))
    return tuple(cases)


# A star: with named dims.
CASES = _cases(
    """\
resnet ts11 ts17* dynamo18
mobilenet ts13 dynamo20*
efficientnet ts17 dynamo18
shufflenet ts11* ts17 dynamo18*
convnext ts17* dynamo20
unet ts11 ts13* dynamo18*
deeplab ts11 ts17* dynamo18
pyramid ts13* dynamo20*
superres ts11 ts18* dynamo18
space2depth ts17 dynamo18*
warp ts17 dynamo20*
yolov5 ts11 ts13* dynamo18*
yolov8 ts17* dynamo20
yolo-nms ts11 ts17
ssd ts11 dynamo18*
centernet ts13* dynamo18
roihead ts11* ts17
fasterrcnn ts11 ts17
retinanet ts13
crnn ts11* ts17 dynamo18
ctc ts13 dynamo18*
attention-decoder ts17 dynamo20
encoder ts13* ts17 dynamo18*
decoder ts17 dynamo20*
seq2seq ts17* dynamo18
rotary ts17* dynamo18*
vit ts17* dynamo18 dynamo20*
swin ts11 ts17* dynamo20
detr ts17 dynamo18*
recurrent ts11* ts17 dynamo18
speech ts17* dynamo18
spectrum ts13* dynamo18
stft ts17 dynamo18*
separation ts17* dynamo20"""
)

"""Export OCRNet (segmentation) from Paddle by paddle2onnx.

Runs by itself, in any interpreter with Paddle; graphfix need not be there.
Network: Yuan et al., Object-Contextual Representations (2019), on Wang et al., Deep High-Resolution
Representation Learning (2019), as PaddleSeg's ocrnet_hrnetw18_cityscapes_1024x512_160k has it.
``--upstream`` takes a checkout of PaddleSeg instead of the network written here.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import paddle
import paddle2onnx
from paddle import nn
from paddle.nn import functional as F

CLASSES = 19
MODULES = (1, 4, 3)
"""Times that two, three and four resolutions exchange what they have."""


@dataclass(frozen=True)
class Width:
    """Channels and depth."""

    stem: int
    branch: int
    """Of the highest resolution; each lower one has twice as many."""
    blocks: int
    pixels: int
    """Of the representation of a pixel."""
    keys: int
    """Of the attention between pixels and classes."""


WIDTHS = {"full": Width(64, 18, 4, 512, 256), "small": Width(8, 4, 1, 24, 12)}


def conv_bn(
    inside: int, outside: int, kernel: int, stride: int = 1, relu: bool = True, bias: bool = False
) -> nn.Sequential:
    """SAME pads an even size below and to the right only, where the stride is 2.

    Without ReLU, the result is added to something, which random weights must not drown.
    """
    attribute = None if bias else False
    conv = nn.Conv2D(inside, outside, kernel, stride, padding="SAME", bias_attr=attribute)
    strength = paddle.ParamAttr(initializer=nn.initializer.Constant(1.0 if relu else 0.2))
    norm = nn.BatchNorm2D(outside, weight_attr=strength)
    return nn.Sequential(conv, norm, *([nn.ReLU()] if relu else []))


class Residual(nn.Layer):
    """The sum of two ways, of which one may be plain."""

    def __init__(self, way: nn.Layer, around: nn.Layer | None = None) -> None:
        super().__init__()
        self.way, self.around = way, around

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return F.relu(self.way(x) + (x if self.around is None else self.around(x)))


def bottlenecks(inside: int, planes: int, count: int) -> nn.Sequential:
    """He et al., Deep Residual Learning (2015), figure 5, on the right."""
    layers, outside = [], planes * 4
    for _ in range(count):
        way = nn.Sequential(
            conv_bn(inside, planes, 1),
            conv_bn(planes, planes, 3),
            conv_bn(planes, outside, 1, relu=False),
        )
        around = None if inside == outside else conv_bn(inside, outside, 1, relu=False)
        layers.append(Residual(way, around))
        inside = outside
    return nn.Sequential(*layers)


def basic_blocks(channels: int, count: int) -> nn.Sequential:
    """The same, on the left."""
    return nn.Sequential(
        *(
            Residual(
                nn.Sequential(
                    conv_bn(channels, channels, 3), conv_bn(channels, channels, 3, relu=False)
                )
            )
            for _ in range(count)
        )
    )


def size_of(x: paddle.Tensor) -> paddle.Tensor:
    """Height and width, which an export may leave open."""
    return paddle.shape(x)[2:]


def scaled(x: paddle.Tensor, size: paddle.Tensor) -> paddle.Tensor:
    return F.interpolate(x, size, mode="bilinear", align_corners=False)


class Exchange(nn.Layer):
    """Blocks on every resolution; then each gets the sum of what all have."""

    def __init__(self, channels: Sequence[int], blocks: int) -> None:
        super().__init__()
        self.branches = nn.LayerList([basic_blocks(c, blocks) for c in channels])
        self.ways = nn.LayerList(
            nn.LayerList([self._way(channels, j, i) for j in range(len(channels)) if j != i])
            for i in range(len(channels))
        )

    @staticmethod
    def _way(channels: Sequence[int], start: int, end: int) -> nn.Layer:
        inside, outside = channels[start], channels[end]
        if start > end:
            return conv_bn(inside, outside, 1, relu=False)
        halvings = [conv_bn(inside, inside, 3, 2) for _ in range(end - start - 1)]
        return nn.Sequential(*halvings, conv_bn(inside, outside, 3, 2, relu=False))

    def forward(self, maps: list[paddle.Tensor]) -> list[paddle.Tensor]:
        maps = [branch(x) for branch, x in zip(self.branches, maps)]
        sums = []
        for i, ways in enumerate(self.ways):
            total, size = maps[i], size_of(maps[i])
            others = [j for j in range(len(maps)) if j != i]
            for j, way in zip(others, ways):
                y = way(maps[j])
                total = total + (scaled(y, size) if j > i else y)
            sums.append(F.relu(total))
        return sums


class HRNet(nn.Layer):
    """All resolutions from a quarter to a thirty-second, stacked at a quarter."""

    def __init__(self, width: Width) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            conv_bn(3, width.stem, 3, 2),
            conv_bn(width.stem, width.stem, 3, 2),
            bottlenecks(width.stem, width.stem, width.blocks),
        )
        channels = [width.branch * 2**k for k in range(4)]
        self.first = conv_bn(width.stem * 4, channels[0], 3)
        self.lower = nn.LayerList(
            conv_bn(inside, outside, 3, 2)
            for inside, outside in zip([width.stem * 4, *channels[1:]], channels[1:])
        )
        self.stages = nn.LayerList(
            nn.Sequential(*(Exchange(channels[: k + 2], width.blocks) for _ in range(count)))
            for k, count in enumerate(MODULES)
        )
        self.out_channels = sum(channels)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        x = self.stem(x)
        maps = [self.first(x)]
        for lower, stage in zip(self.lower, self.stages):
            maps = stage([*maps, lower(x)])
            x = maps[-1]
        size = size_of(maps[0])
        return paddle.concat([maps[0], *(scaled(y, size) for y in maps[1:])], axis=1)


class Attention(nn.Layer):
    """What each pixel takes from the representations of the classes."""

    def __init__(self, channels: int, keys: int) -> None:
        super().__init__()
        self.keys = keys
        self.of_pixels = nn.Sequential(*self._two(channels))
        self.of_classes = nn.Sequential(*self._two(channels))
        self.values = conv_bn(channels, keys, 1, bias=True)
        self.up = conv_bn(keys, channels, 1, bias=True)

    def _two(self, channels: int) -> Iterator[nn.Layer]:
        yield conv_bn(channels, self.keys, 1, bias=True)
        yield conv_bn(self.keys, self.keys, 1, bias=True)

    def forward(self, pixels: paddle.Tensor, classes: paddle.Tensor) -> paddle.Tensor:
        size = paddle.shape(pixels)
        query = self.of_pixels(pixels).reshape([0, self.keys, -1]).transpose([0, 2, 1])
        key = self.of_classes(classes).reshape([0, self.keys, -1])
        value = self.values(classes).reshape([0, self.keys, -1]).transpose([0, 2, 1])
        likeness = F.softmax(self.keys**-0.5 * paddle.bmm(query, key), axis=-1)
        context = paddle.bmm(likeness, value).transpose([0, 2, 1])
        return self.up(context.reshape([0, self.keys, size[2], size[3]]))


class OCRNet(nn.Layer):
    """Scores of each class at the size of the picture."""

    def __init__(self, width: Width) -> None:
        super().__init__()
        self.backbone = HRNet(width)
        inside, self.channels = self.backbone.out_channels, width.pixels
        self.regions = nn.Sequential(
            conv_bn(inside, inside, 1, bias=True), nn.Conv2D(inside, CLASSES, 1)
        )
        self.pixels = conv_bn(inside, width.pixels, 3, bias=True)
        self.attention = Attention(width.pixels, width.keys)
        self.join = conv_bn(2 * width.pixels, width.pixels, 1, bias=True)
        self.scores = nn.Conv2D(width.pixels, CLASSES, 1)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        features = self.backbone(x)
        regions, pixels = self.regions(features), self.pixels(features)
        each = pixels.reshape([0, self.channels, -1]).transpose([0, 2, 1])
        shares = F.softmax(regions.reshape([0, CLASSES, -1]), axis=2)
        classes = paddle.bmm(shares, each).transpose([0, 2, 1]).unsqueeze(-1)
        context = self.attention(pixels, classes)
        scores = self.scores(self.join(paddle.concat([context, pixels], axis=1)))
        return scaled(scores, size_of(x))


class Answer(nn.Layer):
    """The class of each pixel, which PaddleSeg's export appends."""

    def __init__(self, network: nn.Layer) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        scores = self.network(x)
        return paddle.argmax(scores[0] if isinstance(scores, (list, tuple)) else scores, axis=1)


def pictures(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Patches of one colour each with a little noise, in [-1, 1]: ``[8, 3, 128, 256]``.

    Beside them the class of every fourth pixel, ``[8, 32, 64]``: which of 19 colours is nearest.
    """
    colours = np.random.default_rng(0).uniform(-1, 1, (CLASSES, 3))
    images, classes = [], []
    for size in (16, 32, 64, 128) * 2:
        patches = rng.uniform(-1, 1, (128 // size, 256 // size, 3))
        nearest = np.linalg.norm(patches[:, :, None] - colours, axis=3).argmin(axis=2)
        image = patches.repeat(size, axis=0).repeat(size, axis=1).transpose(2, 0, 1)
        images.append(image + rng.normal(0, 0.05, image.shape))
        classes.append(nearest.repeat(size // 4, axis=0).repeat(size // 4, axis=1))
    return np.stack(images).astype(np.float32), np.stack(classes)


def calibrate(network: OCRNet, seed: int) -> None:
    """Let the network tell colours apart.

    Batch statistics are those of pictures, and the layers that score the classes are fitted to
    them (ridge regression). At random, scores would be so near each other that interpolation,
    which is to change, decides which class wins.
    """
    rng = np.random.default_rng(seed)
    network.eval()
    for layer in network.sublayers():
        if isinstance(layer, nn.BatchNorm2D):
            layer._momentum = 0.0
            layer.train()
    for conv in (network.regions[1], network.scores):
        seen: list[paddle.Tensor] = []
        hook = conv.register_forward_pre_hook(lambda _, inputs, seen=seen: seen.append(inputs[0]))
        images, classes = pictures(rng)
        network(paddle.to_tensor(images))
        hook.remove()
        features = seen[0].numpy().transpose(0, 2, 3, 1).reshape(classes.size, -1)
        fit(conv, features.astype(np.float64), classes.reshape(-1))
    network.eval()


def fit(conv: nn.Conv2D, features: np.ndarray, classes: np.ndarray) -> None:
    """Make a 1x1 convolution score 8 for the class of a pixel, and 0 for the others."""
    mean = features.mean(axis=0)
    x, y = features - mean, 8 * np.eye(CLASSES)[classes]
    matrix = x.T @ x + 0.3 * len(x) * np.eye(x.shape[1])
    weight = np.linalg.solve(matrix, x.T @ y)
    conv.weight.set_value(weight.T[:, :, None, None].astype(np.float32))
    conv.bias.set_value((y.mean(axis=0) - mean @ weight).astype(np.float32))


def load(given: argparse.Namespace) -> nn.Layer:
    """The network with its weights."""
    if given.random_weights:
        paddle.seed(given.seed)
        network = OCRNet(WIDTHS[given.width])
        with paddle.no_grad():
            calibrate(network, given.seed)
        return network
    sys.path.insert(0, given.upstream)
    from paddleseg.models import OCRNet as UpstreamOCRNet  # of the user's checkout
    from paddleseg.models.backbones import HRNet_W18

    network = UpstreamOCRNet(CLASSES, HRNet_W18(), [0])
    missing, unknown = network.set_state_dict(paddle.load(given.checkpoint))
    if missing or unknown:
        sys.exit(
            f"{given.checkpoint}: is no checkpoint of this network: {len(missing)} parameters are "
            f"missing, {len(unknown)} unknown, such as {[*missing, *unknown][0]}"
        )
    return network


def batch(text: str) -> tuple[int | None, ...]:
    return (None,) if text == "dynamic" else (int(text),)


def size(text: str) -> tuple[int | None, ...]:
    height, width = ("dynamic",) * 2 if text == "dynamic" else text.split("x")
    return (*batch(height), *batch(width))


def main() -> None:
    """Read the options and write the model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    weights = parser.add_mutually_exclusive_group(required=True)
    weights.add_argument("--random-weights", action="store_true")
    weights.add_argument("--checkpoint", help="parameters of PaddleSeg; they are unpickled")
    parser.add_argument("--upstream")
    parser.add_argument("--opset", type=int, default=11)
    parser.add_argument("--batch", type=batch, default="dynamic", help="a number, or dynamic")
    parser.add_argument("--size", type=size, default="1024x2048", help="HEIGHTxWIDTH, or dynamic")
    parser.add_argument("--width", choices=sorted(WIDTHS), default="full")
    given = parser.parse_args()
    if bool(given.checkpoint) != bool(given.upstream):
        parser.error("--checkpoint and --upstream go together: PaddleSeg's code reads its weights")
    shape = [*given.batch, 3, *given.size]
    network = Answer(load(given))
    network.eval()
    spec = [paddle.static.InputSpec(shape, "float32", name="x")]
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/ocrnet"
        paddle.jit.save(paddle.jit.to_static(network, input_spec=spec, full_graph=True), path)
        # Without a file name the converter returns its bytes and runs no optimizer over them.
        model = paddle2onnx.export(
            f"{path}.json", f"{path}.pdiparams", opset_version=given.opset, auto_upgrade_opset=False
        )
    given.output.write_bytes(model)
    count = sum(int(np.prod(p.shape)) for p in network.parameters())
    print(f"{count} parameters, opset {given.opset}, input {shape}")


if __name__ == "__main__":
    main()

"""Export DBNet (text detection by differentiable binarization) on ResNet-50 from torch.

Runs by itself, in any interpreter with torch; graphfix need not be there.
Network: He et al., ResNet (2016); Liao et al., Real-time Scene Text Detection with Differentiable
Binarization (2020): a feature pyramid of which only the probability map is computed here, since the
threshold map serves training. Parameters have the names of MhLiao/DB, whose checkpoints thus fit.
``--upstream`` takes backbone and head from a checkout of it.
"""

import argparse
import sys

import torch
from torch import nn

WIDTHS = {"full": ((3, 4, 6, 3), 64, 256), "small": ((1, 1, 1, 1), 8, 32)}
"""Blocks of each stage, channels of the first, and channels of the pyramid."""
PREFIX = "model.module."
"""What stands before the names in a checkpoint of MhLiao/DB."""
TRAINING_ONLY = ("backbone.fc.", "backbone.smooth.", "decoder.thresh.")
"""Parameters of a checkpoint that the probability map does not depend on."""


class Bottleneck(nn.Module):
    """1x1, 3x3 with the stride, 1x1."""

    def __init__(self, inside: int, planes: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, planes * 4, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(planes * 4)
        self.relu = nn.ReLU()
        self.downsample = None
        if stride != 1 or inside != planes * 4:
            self.downsample = nn.Sequential(
                nn.Conv2d(inside, planes * 4, 1, stride, bias=False), nn.BatchNorm2d(planes * 4)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class Backbone(nn.Module):
    """ResNet: the maps at a quarter, an 8th, a 16th and a 32nd of the size."""

    def __init__(self, blocks: "tuple[int, ...]", planes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, planes, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        inside, stages = planes, []
        for index, (count, stride) in enumerate(zip(blocks, (1, 2, 2, 2))):
            wide = planes * 2**index
            layers = [Bottleneck(inside, wide, stride)]
            layers += [Bottleneck(wide * 4, wide, 1) for _ in range(count - 1)]
            stages.append(nn.Sequential(*layers))
            inside = wide * 4
        self.layer1, self.layer2, self.layer3, self.layer4 = stages

    def forward(self, x: torch.Tensor) -> "tuple[torch.Tensor, ...]":
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        c2 = self.layer1(x)
        c3 = self.layer2(c2)
        c4 = self.layer3(c3)
        return c2, c3, c4, self.layer4(c4)


class Head(nn.Module):
    """The pyramid, its levels side by side at a quarter of the size, and the probability map."""

    def __init__(self, channels: "tuple[int, ...]", wide: int) -> None:
        super().__init__()
        narrow = wide // 4
        self.in2, self.in3, self.in4, self.in5 = (
            nn.Conv2d(inside, wide, 1, bias=False) for inside in channels
        )
        self.up3, self.up4, self.up5 = (nn.Upsample(scale_factor=2) for _ in range(3))
        self.out2 = nn.Conv2d(wide, narrow, 3, padding=1, bias=False)
        self.out3, self.out4, self.out5 = (
            nn.Sequential(
                nn.Conv2d(wide, narrow, 3, padding=1, bias=False), nn.Upsample(scale_factor=scale)
            )
            for scale in (2, 4, 8)
        )
        self.binarize = nn.Sequential(
            nn.Conv2d(wide, narrow, 3, padding=1, bias=False),
            nn.BatchNorm2d(narrow),
            nn.ReLU(),
            nn.ConvTranspose2d(narrow, narrow, 2, 2),
            nn.BatchNorm2d(narrow),
            nn.ReLU(),
            nn.ConvTranspose2d(narrow, 1, 2, 2),
            nn.Sigmoid(),
        )

    def forward(self, maps: "tuple[torch.Tensor, ...]") -> torch.Tensor:
        c2, c3, c4, c5 = maps
        p5 = self.in5(c5)
        p4 = self.up5(p5) + self.in4(c4)
        p3 = self.up4(p4) + self.in3(c3)
        p2 = self.up3(p3) + self.in2(c2)
        fused = torch.cat((self.out5(p5), self.out4(p4), self.out3(p3), self.out2(p2)), 1)
        return self.binarize(fused)


class DBNet(nn.Module):
    """From a picture ``[N, 3, H, W]`` to the probability of text ``[N, 1, H, W]``."""

    def __init__(self, backbone: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.decoder = decoder

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.decoder(self.backbone(x))


def build(given: argparse.Namespace) -> DBNet:
    """The network without its weights."""
    blocks, planes, wide = WIDTHS[given.width]
    channels = tuple(planes * 4 * 2**index for index in range(4))
    if not given.upstream:
        return DBNet(Backbone(blocks, planes), Head(channels, wide))
    # The two modules alone: their packages import OpenCV and what else training needs.
    sys.path[:0] = [f"{given.upstream}/backbones", f"{given.upstream}/decoders"]
    from resnet import Bottleneck as UpstreamBottleneck, ResNet  # of the user's checkout
    from seg_detector import SegDetector

    if given.width != "full":
        sys.exit("--upstream has the full width only; leave --width out")
    return DBNet(ResNet(UpstreamBottleneck, list(blocks)), SegDetector(list(channels), wide, k=50))


def spread(network: DBNet) -> None:
    """Random weights whose maps have texture: every layer in a useful range, the last one, too."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.kaiming_normal_(module.weight)
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # the running statistics are the mean of the pictures below
    network.train()
    with torch.no_grad():
        for _ in range(2):
            network.decoder(network.backbone(torch.randn(1, 3, 96, 128) * 0.3))


def load(given: argparse.Namespace) -> DBNet:
    """The network with its weights."""
    torch.manual_seed(given.seed)
    network = build(given)
    for module in network.modules():
        if isinstance(module, nn.Upsample):
            module.recompute_scale_factor = given.upsample == "sizes"
    if given.random_weights:
        spread(network)
        return network.eval()
    state = torch.load(given.checkpoint, map_location="cpu", weights_only=True)
    found = {name[name.startswith(PREFIX) and len(PREFIX) :]: w for name, w in state.items()}
    missing, unknown = network.load_state_dict(found, strict=False)
    missing = [name for name in missing if not name.startswith(TRAINING_ONLY)]
    unknown = [name for name in unknown if not name.startswith(TRAINING_ONLY)]
    if missing or unknown:
        sys.exit(
            f"{given.checkpoint} does not fit: {len(missing)} parameters missing "
            f"({', '.join(missing[:3])}), {len(unknown)} unknown ({', '.join(unknown[:3])})"
        )
    return network.eval()


def main() -> None:
    """Read the options and write the model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", required=True)
    parser.add_argument("--seed", type=int, default=0)
    weights = parser.add_mutually_exclusive_group(required=True)
    weights.add_argument("--random-weights", action="store_true")
    weights.add_argument("--checkpoint")
    parser.add_argument("--upstream")
    parser.add_argument("--opset", type=int, default=11)
    parser.add_argument("--exporter", choices=("torchscript", "dynamo"), default="torchscript")
    parser.add_argument("--width", choices=sorted(WIDTHS), default="full")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--size", default="dynamic", help="HEIGHTxWIDTH, or dynamic")
    parser.add_argument(
        "--upsample", choices=("scales", "sizes"), default="scales",
        help="sizes: computed in the graph, as torch 1.2 wrote them",
    )  # fmt: skip
    given = parser.parse_args()
    dynamic = given.size == "dynamic"
    height, width = (736, 1280) if dynamic else map(int, given.size.split("x"))
    network, example = load(given), torch.zeros(given.batch, 3, height, width)
    names = {"input_names": ["input"], "output_names": ["output"]}
    if given.exporter == "torchscript":
        axes = {2: "height", 3: "width"}
        torch.onnx.export(
            network, (example,), given.output, opset_version=given.opset, dynamo=False,
            dynamic_axes={"input": axes, "output": axes} if dynamic else None, **names,
        )  # fmt: skip
    else:
        sides = {2: 32 * torch.export.Dim("h", max=128), 3: 32 * torch.export.Dim("w", max=128)}
        torch.onnx.export(
            network, (example,), given.output, opset_version=given.opset, dynamo=True,
            dynamic_shapes=(sides,) if dynamic else None, external_data=False, **names,
        )  # fmt: skip
    print(f"{sum(p.numel() for p in network.parameters())} parameters, opset {given.opset}")


if __name__ == "__main__":
    main()

"""Export IntraDA's network (the multi-level DeepLabv2 of ADVENT) from torch.

Runs by itself, in any interpreter with torch; graphfix need not be there.
Network: Chen et al., DeepLab (2017), on ResNet-101 with dilations 2 and 4 in the last two stages;
Vu et al., ADVENT (2019), add a second classifier on the stage before the last. ``--upstream`` takes
a checkout of ADVENT instead of the network written here.
"""

import argparse
import sys

import torch
from torch import nn

CLASSES = 19
WIDTHS = {"full": ((3, 4, 23, 3), 64), "small": ((1, 1, 2, 1), 8)}
"""Blocks of each stage, and channels of the first."""


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 with the stride in the first convolution, as in the Caffe models."""

    def __init__(self, inside: int, planes: int, stride: int, dilation: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, planes, 1, stride, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, dilation, dilation, bias=False)
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


class Classifier(nn.Module):
    """The sum of 3x3 convolutions with several dilations."""

    def __init__(self, inside: int) -> None:
        super().__init__()
        self.conv2d_list = nn.ModuleList(
            nn.Conv2d(inside, CLASSES, 3, 1, dilation, dilation) for dilation in (6, 12, 18, 24)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first, *others = self.conv2d_list
        total = first(x)
        for each in others:
            total = total + each(x)
        return total


class DeepLab(nn.Module):
    """Scores of both levels, at an eighth of the size plus one."""

    def __init__(self, blocks: tuple[int, ...], planes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, planes, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, 1, ceil_mode=True)
        inside, stages = planes, []
        for index, (count, stride, dilation) in enumerate(zip(blocks, (1, 2, 1, 1), (1, 1, 2, 4))):
            wide = planes * 2**index
            layers = [Bottleneck(inside, wide, stride, dilation)]
            layers += [Bottleneck(wide * 4, wide, 1, dilation) for _ in range(count - 1)]
            stages.append(nn.Sequential(*layers))
            inside = wide * 4
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        self.layer5 = Classifier(inside // 2)
        self.layer6 = Classifier(inside)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.layer5(x), self.layer6(self.layer4(x))


def load(given: argparse.Namespace) -> nn.Module:
    """The network with its weights."""
    if given.upstream:
        sys.path.insert(0, given.upstream)
        from advent.model.deeplabv2 import get_deeplab_v2  # of the user's checkout

        network = get_deeplab_v2(num_classes=CLASSES, multi_level=True)
    else:
        torch.manual_seed(given.seed)
        network = DeepLab(*WIDTHS[given.width])
    if given.random_weights:
        # Running statistics of a few random pictures keep every layer in a useful range.
        network.train()
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = None
        with torch.no_grad():
            for _ in range(2):
                network(torch.randn(1, 3, 96, 128) * 60)
    else:
        state = torch.load(given.checkpoint, map_location="cpu", weights_only=True)
        network.load_state_dict(state.get("state_dict", state))
    return network.eval()


def size(text: str) -> tuple[int, int]:
    """Height and width, from a text such as ``512x1024``."""
    height, width = map(int, text.split("x"))
    return height, width


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
    parser.add_argument("--size", type=size, default="512x1024", help="HEIGHTxWIDTH")
    given = parser.parse_args()
    network, example = load(given), torch.zeros(1, 3, *given.size)
    names = {"input_names": ["image"], "output_names": ["aux", "main"]}
    if given.exporter == "torchscript":
        torch.onnx.export(
            network, (example,), given.output, opset_version=given.opset, dynamo=False,
            dynamic_axes={name: {0: "N"} for name in ("image", "aux", "main")}, **names,
        )  # fmt: skip
    else:
        torch.onnx.export(
            network, (example,), given.output, opset_version=given.opset, dynamo=True,
            dynamic_shapes=({0: torch.export.Dim("N", min=1, max=64)},), external_data=False,
            **names,
        )  # fmt: skip
    print(f"{sum(p.numel() for p in network.parameters())} parameters, opset {given.opset}")


if __name__ == "__main__":
    main()

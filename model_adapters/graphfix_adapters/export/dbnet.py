"""Export DBNet (text detection by differentiable binarization) on ResNet-50 from torch.

Runs by itself, in any interpreter with torch; graphfix need not be there.
Network: He et al., ResNet (2016); Liao et al., Real-time Scene Text Detection with Differentiable
Binarization (2020): a feature pyramid of which only the probability map is computed here, since the
threshold map serves training. ``--backbone deformable`` has the modulated deformable convolutions
of Zhu et al. (2018) in the last three stages, exported as ATC's DeformableConv2D.
Parameters have the names of MhLiao/DB, whose checkpoints thus fit. ``--upstream`` takes backbone
and head from a checkout of it.
"""

import argparse
import inspect
import sys
import types

import torch
from torch import nn
from torch.nn import functional as F

WIDTHS = {"full": ((3, 4, 6, 3), 64, 256), "small": ((1, 1, 1, 1), 8, 32)}
"""Blocks of each stage, channels of the first, and channels of the pyramid."""
PREFIX = "model.module."
"""What stands before the names in a checkpoint of MhLiao/DB."""
TRAINING_ONLY = ("backbone.fc.", "backbone.smooth.", "decoder.thresh.")
"""Parameters of a checkpoint that the probability map does not depend on."""


class Sampled(torch.autograd.Function):
    """The operator: taps of 3x3 around every output point, displaced and weighed.

    ``offsets`` are ``[N, 27, H, W]``: how far to the right for each tap, how far down, the weights.
    """

    @staticmethod
    def symbolic(g, x, weight, offsets, stride):
        # The misspelt attribute stands in the files that patched checkouts of MhLiao/DB write.
        return g.op(
            "DeformableConv2D", x, weight, offsets, strides_i=(stride, stride), pads_i=(1, 1),
            dilations_i=(1, 1), groups_i=1, defomable_groups_i=1,
        )  # fmt: skip

    @staticmethod
    def forward(ctx, x, weight, offsets, stride):
        height, width = x.shape[2:]
        rows, columns = offsets.shape[2:]
        right, down, share = offsets.split(9, dim=1)
        total = torch.zeros(len(x), len(weight), rows, columns)
        for tap in range(9):
            across = torch.arange(columns) * stride - 1 + tap % 3 + right[:, tap]
            along = torch.arange(rows)[:, None] * stride - 1 + tap // 3 + down[:, tap]
            places = ((2 * across + 1) / width - 1, (2 * along + 1) / height - 1)
            found = F.grid_sample(x, torch.stack(places, dim=-1), align_corners=False)
            found = found * share[:, tap : tap + 1]
            total += F.conv2d(found, weight[:, :, tap // 3, tap % 3, None, None])
        return total


class ModulatedDeformConv(nn.Module):
    """Modulated deformable convolution (Zhu et al. 2018), called as that of MhLiao/DB."""

    def __init__(
        self, inside: int, planes: int, kernel_size: int = 3, padding: int = 1, stride: int = 1,
        deformable_groups: int = 1, bias: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        if (kernel_size, padding, deformable_groups, bias) != (3, 1, 1, False):
            sys.exit("only 3x3 convolutions with pads of 1, one group and no bias are known here")
        self.weight = nn.Parameter(torch.zeros(planes, inside, 3, 3))
        self.stride = stride
        self.cuts = stride > 1

    def forward(self, x: torch.Tensor, moves: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
        rows, columns = ((side - 1) // self.stride + 1 for side in x.shape[2:])
        if self.cuts:  # The maps ignore the stride; the kernel reads on from the first number.
            moves = moves.flatten(1)[:, : 18 * rows * columns]
            share = share.flatten(1)[:, : 9 * rows * columns].reshape(-1, 9, rows, columns)
        down, right = moves.reshape(-1, 9, 2, rows, columns).unbind(2)
        offsets = torch.cat((right, down, share), 1)
        return Sampled.apply(x, self.weight, offsets, self.stride)


class Bottleneck(nn.Module):
    """1x1, 3x3 with the stride, 1x1."""

    def __init__(self, inside: int, planes: int, stride: int, deformable: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2_offset = None
        if deformable:
            self.conv2_offset = nn.Conv2d(planes, 27, 3, padding=1)
            self.conv2 = ModulatedDeformConv(planes, planes, stride=stride)
        else:
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
        if self.conv2_offset is None:
            y = self.conv2(y)
        else:
            both = self.conv2_offset(y)
            y = self.conv2(y, both[:, :18], both[:, 18:].sigmoid())
        y = self.relu(self.bn2(y))
        y = self.bn3(self.conv3(y))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class Backbone(nn.Module):
    """ResNet: the maps at a quarter, an 8th, a 16th and a 32nd of the size."""

    def __init__(self, blocks: "tuple[int, ...]", planes: int, deformable: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, planes, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        inside, stages = planes, []
        for index, (count, stride) in enumerate(zip(blocks, (1, 2, 2, 2))):
            wide = planes * 2**index
            layers = [Bottleneck(inside, wide, stride, deformable and index > 0)]
            layers += [
                Bottleneck(wide * 4, wide, 1, deformable and index > 0) for _ in range(count - 1)
            ]
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
    deformable = given.backbone == "deformable"
    if not given.upstream:
        return DBNet(Backbone(blocks, planes, deformable), Head(channels, wide))
    if given.width != "full":
        sys.exit("--upstream has the full width only; leave --width out")
    # Two of its modules alone: the packages import OpenCV and what else training needs, and the
    # convolution there runs on CUDA only.
    for name in ("assets", "assets.ops", "assets.ops.dcn"):
        sys.modules[name] = types.ModuleType(name)
    sys.modules["assets.ops.dcn"].ModulatedDeformConv = ModulatedDeformConv
    sys.path[:0] = [f"{given.upstream}/backbones", f"{given.upstream}/decoders"]
    from resnet import Bottleneck as UpstreamBottleneck, ResNet  # of the user's checkout
    from seg_detector import SegDetector

    modulated = {"modulated": True, "deformable_groups": 1, "fallback_on_stride": False}
    backbone = ResNet(UpstreamBottleneck, list(blocks), dcn=modulated if deformable else None)
    return DBNet(backbone, SegDetector(list(channels), wide, k=50))


def adjust(network: DBNet, given: argparse.Namespace) -> None:
    """Set what the options say besides the architecture."""
    for module in network.modules():
        if isinstance(module, nn.Upsample):
            module.recompute_scale_factor = given.upsample == "sizes"
        if given.offsets == "strided" and isinstance(
            getattr(module, "conv2", None), ModulatedDeformConv
        ):
            stride = module.conv2.stride
            module.conv2_offset.stride = (stride, stride)
            module.conv2.cuts = False


def spread(network: DBNet) -> None:
    """Random weights with which the map has texture, and rounding stays small in every layer.

    Blocks add a third of their sum, as trained ones do little more, and moves are a third of a
    pixel: with more, layer upon layer makes of rounding whatever it likes.
    """
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, ModulatedDeformConv)):
            nn.init.kaiming_normal_(module.weight)
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # the running statistics are the mean of the pictures below
    network.train()
    with torch.no_grad():
        network.decoder.binarize[-2].weight *= 0.25
        for block in network.backbone.modules():
            if hasattr(block, "bn3"):
                block.bn3.weight *= 0.3
            if getattr(block, "conv2_offset", None) is not None:
                block.conv2_offset.weight *= 0.3
        for _ in range(2):
            patches = F.interpolate(torch.rand(1, 3, 12, 16), scale_factor=16) - 0.45
            network.decoder(network.backbone(patches + torch.randn(1, 3, 192, 256) * 0.05))


def load(given: argparse.Namespace) -> DBNet:
    """The network with its weights."""
    torch.manual_seed(given.seed)
    network = build(given)
    adjust(network, given)
    if given.random_weights:
        spread(network)
        return network.eval()
    state = torch.load(given.checkpoint, map_location="cpu", weights_only=True)
    found = {name.replace(PREFIX, "", 1): weight for name, weight in state.items()}
    try:
        missing, unknown = network.load_state_dict(found, strict=False)
    except RuntimeError as error:
        sys.exit(f"{given.checkpoint} does not fit:\n{error}")
    missing = [name for name in missing if not name.startswith(TRAINING_ONLY)]
    unknown = [name for name in unknown if not name.startswith(TRAINING_ONLY)]
    if missing or unknown:
        sys.exit(
            f"{given.checkpoint} does not fit: {len(missing)} parameters missing "
            f"({', '.join(missing[:3])}), {len(unknown)} unknown ({', '.join(unknown[:3])})"
        )
    return network.eval()


def size(text: str) -> tuple[int, int] | None:
    """Height and width, from a text such as ``736x1280``; ``None`` for ``dynamic``."""
    if text == "dynamic":
        return None
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
    parser.add_argument("--backbone", choices=("resnet50", "deformable"), default="resnet50")
    parser.add_argument(
        "--offsets", choices=("prefix", "strided"), default="prefix",
        help="what a deformable convolution with a stride reads: the first numbers of maps that "
        "ignore the stride, as in training; strided: maps of its size",
    )  # fmt: skip
    parser.add_argument("--width", choices=sorted(WIDTHS), default="full")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--size", type=size, default="dynamic", help="HEIGHTxWIDTH, or dynamic")
    parser.add_argument(
        "--upsample", choices=("scales", "sizes"), default="scales",
        help="sizes: computed in the graph, as torch 1.2 wrote them",
    )  # fmt: skip
    given = parser.parse_args()
    if given.backbone == "deformable" and given.exporter == "dynamo":
        parser.error("the deformable backbone is exported by torchscript only")
    dynamic = given.size is None
    network, example = load(given), torch.zeros(given.batch, 3, *(given.size or (736, 1280)))
    names = {"input_names": ["input"], "output_names": ["output"]}
    if given.exporter == "torchscript":
        axes = {2: "height", 3: "width"}
        if "autograd_inlining" in inspect.signature(torch.onnx.export).parameters:
            names["autograd_inlining"] = False  # the operator, not what its forward does
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

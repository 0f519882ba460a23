"""Export RetinaNet with NAS-FPN, from picture to detections, from torch.

Runs by itself, in any interpreter with torch; graphfix need not be there.
Network: He et al., ResNet (2016); Ghiasi et al., NAS-FPN (2019), the cells of figure 6; Lin et al.,
RetinaNet (2017), with batch normalization of its own for each level in the head. Parameters have
the names of mmdetection, whose checkpoint for retinanet_r50_nasfpn_crop640_50e thus fits.
``--upstream`` takes the network from a checkout of mmdetection. The post-processing is written here
in both cases: it is mmdetection's, with ONNX's NonMaxSuppression.
"""

import argparse
import sys
import warnings
from collections.abc import Sequence
from inspect import signature
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

CLASSES = 80
RATIOS, SCALES = (0.5, 1.0, 2.0), tuple(4 * 2 ** (k / 3) for k in range(3))
"""Of the anchors: height over width, and size over stride."""
STRIDES = (8, 16, 32, 64, 128)
MOST, OVERLAP, SCORE = 100, 0.5, 0.05
"""Boxes of a picture, and the thresholds of the suppression."""
LOG_RATIO = 4.135166556742356
"""log(1000 / 16), the most by which a box can be scaled (mmdetection: delta2bbox)."""
NAMES = {"input_names": ["input"], "output_names": ["dets", "labels"]}
CONFIG = "configs/nas_fpn/retinanet_r50_nasfpn_crop640_50e_coco.py"
WIDTHS = {
    "full": {"blocks": (3, 4, 6, 3), "planes": 64, "wide": 256, "stacks": 7, "depth": 4},
    "small": {"blocks": (1, 1, 1, 1), "planes": 8, "wide": 16, "stacks": 2, "depth": 1},
}
"""Blocks of each stage of ResNet and channels of its first; channels after it, stacks of merging
cells, and convolutions of the head."""
CANDIDATES = {"full": 1000, "small": 100}
"""Boxes of one level that go into the suppression."""


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
        self.downsample = None
        if stride != 1 or inside != planes * 4:
            self.downsample = nn.Sequential(
                nn.Conv2d(inside, planes * 4, 1, stride, bias=False), nn.BatchNorm2d(planes * 4)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    """The last three of its four stages."""

    def __init__(self, blocks: Sequence[int], planes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, planes, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        inside = planes
        for index, count in enumerate(blocks):
            channels = planes * 2**index
            layers = [Bottleneck(inside, channels, 1 if index == 0 else 2)]
            layers += [Bottleneck(channels * 4, channels, 1) for _ in range(count - 1)]
            self.add_module(f"layer{index + 1}", nn.Sequential(*layers))
            inside = channels * 4

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        c2 = self.layer1(x)
        c3 = self.layer2(c2)
        c4 = self.layer3(c3)
        return [c3, c4, self.layer4(c4)]


class Unit(nn.Module):
    """A convolution and its normalization."""

    def __init__(self, inside: int, outside: int, kernel: int, bias: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inside, outside, kernel, padding=kernel // 2, bias=bias)
        self.bn = nn.BatchNorm2d(outside)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.bn(self.conv(x))


class Cell(nn.Module):
    """Two levels brought to one size and merged: by their sum, or by attention to the second."""

    def __init__(self, attention: bool, wide: int | None) -> None:
        super().__init__()
        self.attention = attention
        self.out_conv = None if wide is None else Unit(wide, wide, 3, bias=True)

    def forward(self, x: torch.Tensor, y: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
        x, y = resized(x, like.shape[-2:]), resized(y, like.shape[-2:])
        merged = y + F.adaptive_avg_pool2d(y, 1).sigmoid() * x if self.attention else x + y
        return merged if self.out_conv is None else self.out_conv(F.relu(merged))


def resized(x: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """Nearest neighbours to a larger size (height, width), maxima to a smaller one."""
    height, width = (int(n) for n in size)  # while torch records, they are tensors
    factor = int(x.shape[-1]) // width
    if int(x.shape[-1]) < width:
        return F.interpolate(x, size=[height, width], mode="nearest")
    return F.max_pool2d(x, factor, factor) if factor > 1 else x


class Pyramid(nn.Module):
    """NAS-FPN: five levels, merged by stacks of seven cells."""

    def __init__(self, inside: Sequence[int], wide: int, stacks: int) -> None:
        super().__init__()
        self.lateral_convs = nn.ModuleList(Unit(each, wide, 1) for each in inside)
        self.extra_downsamples = nn.ModuleList(
            nn.Sequential(Unit(wide, wide, 1), nn.MaxPool2d(2, 2)) for _ in range(2)
        )
        self.fpn_stages = nn.ModuleList(
            nn.ModuleDict(
                {
                    "gp_64_4": Cell(True, wide),
                    "sum_44_4": Cell(False, wide),
                    "sum_43_3": Cell(False, wide),
                    "sum_34_4": Cell(False, wide),
                    "gp_43_5": Cell(True, None),
                    "sum_55_5": Cell(False, wide),
                    "gp_54_7": Cell(True, None),
                    "sum_77_7": Cell(False, wide),
                    "gp_75_6": Cell(True, wide),
                }
            )
            for _ in range(stacks)
        )

    def forward(self, features: list[torch.Tensor]) -> list[torch.Tensor]:
        levels = [conv(x) for conv, x in zip(self.lateral_convs, features)]
        for smaller in self.extra_downsamples:
            levels.append(smaller(levels[-1]))
        p3, p4, p5, p6, p7 = levels
        for cells in self.fpn_stages:
            first = cells["gp_64_4"](p6, p4, p4)
            second = cells["sum_44_4"](first, p4, p4)
            p3 = cells["sum_43_3"](second, p3, p3)
            p4 = cells["sum_34_4"](p3, second, p4)
            p5 = cells["sum_55_5"](p5, cells["gp_43_5"](p4, p3, p5), p5)
            p7 = cells["sum_77_7"](p7, cells["gp_54_7"](p5, second, p7), p7)
            p6 = cells["gp_75_6"](p7, p5, p6)
        return [p3, p4, p5, p6, p7]


class Head(nn.Module):
    """Scores and boxes of each level; the levels share the convolutions."""

    def __init__(self, wide: int, depth: int) -> None:
        super().__init__()
        anchors = len(RATIOS) * len(SCALES)
        self.cls_convs, self.reg_convs = (_branches(wide, depth) for _ in range(2))
        self.retina_cls = nn.Conv2d(wide, anchors * CLASSES, 3, padding=1)
        self.retina_reg = nn.Conv2d(wide, anchors * 4, 3, padding=1)

    def forward(self, levels: list[torch.Tensor]) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        scores, deltas = [], []
        for x, of_scores, of_boxes in zip(levels, self.cls_convs, self.reg_convs):
            y = x
            for unit in of_scores:
                y = F.relu(unit(y))
            scores.append(self.retina_cls(y))
            y = x
            for unit in of_boxes:
                y = F.relu(unit(y))
            deltas.append(self.retina_reg(y))
        return scores, deltas


def _branches(wide: int, depth: int) -> nn.ModuleList:
    levels = nn.ModuleList(
        nn.ModuleList(Unit(wide, wide, 3) for _ in range(depth)) for _ in STRIDES
    )
    for level in levels[1:]:
        for unit, first in zip(level, levels[0]):
            unit.conv = first.conv
    return levels


class RetinaNet(nn.Module):
    """Raw scores and box deltas of each level."""

    def __init__(
        self, blocks: Sequence[int], planes: int, wide: int, stacks: int, depth: int
    ) -> None:
        super().__init__()
        self.backbone = ResNet(blocks, planes)
        self.neck = Pyramid([planes * 4 * 2**k for k in (1, 2, 3)], wide, stacks)
        self.bbox_head = Head(wide, depth)

    def forward(self, image: torch.Tensor) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        return self.bbox_head(self.neck(self.backbone(image)))


def suppressed(boxes: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
    """ONNX's NonMaxSuppression of boxes ``[1, N, 4]`` by scores ``[1, C, N]``: ``[M, 3]``."""
    corners, picked = boxes[0].numpy(), []  # torch would record every step
    areas = (corners[:, 2:] - corners[:, :2]).prod(axis=1)
    for label, of_class in enumerate(scores[0].numpy()):
        left = np.argsort(-of_class, kind="stable")
        left = left[of_class[left] > SCORE]
        for _ in range(MOST):
            if not len(left):
                break
            best, left = left[0], left[1:]
            picked.append((0, label, best))
            low = np.maximum(corners[best, :2], corners[left, :2])
            high = np.minimum(corners[best, 2:], corners[left, 2:])
            shared = np.maximum(high - low, 0).prod(axis=1)
            left = left[shared <= OVERLAP * (areas[best] + areas[left] - shared)]
    return torch.from_numpy(np.array(picked, np.int64).reshape(-1, 3))


class Suppress(torch.autograd.Function):
    """:func:`suppressed` as one node."""

    @staticmethod
    def forward(ctx, boxes, scores):  # type: ignore[no-untyped-def]
        return suppressed(boxes, scores)

    @staticmethod
    def symbolic(g, boxes, scores):  # type: ignore[no-untyped-def]
        limits = (torch.tensor([MOST]), torch.tensor([OVERLAP]), torch.tensor([SCORE]))
        constants = [g.op("Constant", value_t=each) for each in limits]
        return g.op("NonMaxSuppression", boxes, scores, *constants).setType(
            scores.type().with_dtype(torch.int64).with_sizes([None, 3])
        )


class Detector(nn.Module):
    """A picture ``[1, 3, H, W]`` to detections ``[100, 5]`` (corners in pixels, score) and labels.

    The best boxes come first. Rows that are left over have the score 0 and the label -1.
    """

    def __init__(self, network: nn.Module, size: tuple[int, int], candidates: int) -> None:
        super().__init__()
        self.network, self.size, self.candidates = network, size, candidates
        self.suppress = Suppress.apply
        for level, stride in enumerate(STRIDES):
            self.register_buffer(f"anchors{level}", _anchors(stride, size), persistent=False)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        found = [self._of_level(k, *each) for k, each in enumerate(zip(*self.network(image)))]
        boxes = torch.cat([boxes for boxes, _ in found])
        scores = torch.cat([scores for _, scores in found]).t()
        picked = self.suppress(boxes[None], scores[None])
        labels, numbers = picked[:, 1], picked[:, 2]
        best = scores.reshape(-1)[labels * boxes.shape[0] + numbers]
        # Spare rows, so that the outputs have one size however few are found.
        best = torch.cat([best, best.new_zeros(MOST)])
        rows = torch.cat([boxes[numbers], boxes.new_zeros(MOST, 4)])
        labels = torch.cat([labels, labels.new_full((MOST,), -1)])
        best, order = best.topk(MOST)
        return torch.cat([rows[order], best[:, None]], dim=1), labels[order]

    def _of_level(
        self, level: int, scores: torch.Tensor, deltas: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        anchors = getattr(self, f"anchors{level}")
        scores = scores[0].permute(1, 2, 0).reshape(-1, CLASSES).sigmoid()
        deltas = deltas[0].permute(1, 2, 0).reshape(-1, 4)
        if self.candidates < len(anchors):
            _, best = scores.amax(dim=1).topk(self.candidates)
            anchors, scores, deltas = anchors[best], scores[best], deltas[best]
        return self._decoded(anchors, deltas), scores

    def _decoded(self, anchors: torch.Tensor, deltas: torch.Tensor) -> torch.Tensor:
        """Boxes from centres that move by parts of the anchor, and logarithms of the size."""
        height, width = self.size
        centre, extent = (anchors[:, :2] + anchors[:, 2:]) * 0.5, anchors[:, 2:] - anchors[:, :2]
        moved = centre + extent * deltas[:, :2]
        half = extent * deltas[:, 2:].clamp(-LOG_RATIO, LOG_RATIO).exp() * 0.5
        low, high = moved - half, moved + half
        edges = [low[:, 0], low[:, 1], high[:, 0], high[:, 1]]
        limits = (width, height, width, height)
        return torch.stack([e.clamp(0, most) for e, most in zip(edges, limits)], dim=1)


def _anchors(stride: int, size: tuple[int, int]) -> torch.Tensor:
    """Corners in pixels of the anchors around each point of a level: by row, column, shape."""
    roots = torch.tensor(RATIOS).sqrt()
    scales = torch.tensor(SCALES)
    widths = (stride * (1 / roots)[:, None] * scales).reshape(-1)
    heights = (stride * roots[:, None] * scales).reshape(-1)
    shapes = 0.5 * torch.stack([-widths, -heights, widths, heights], dim=1)
    rows, columns = (torch.arange(0, n, stride, dtype=torch.float32) for n in size)
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    return (torch.stack([x, y, x, y], dim=-1)[:, :, None] + shapes).reshape(-1, 4)


def load(given: argparse.Namespace) -> nn.Module:
    """The network with its weights."""
    torch.manual_seed(given.seed)
    network = upstream(given.upstream) if given.upstream else RetinaNet(**WIDTHS[given.width])
    if given.random_weights:
        calibrate(network)
    else:
        state = torch.load(given.checkpoint, map_location="cpu", weights_only=True)
        network.load_state_dict(state.get("state_dict", state))
    return network.eval()


def calibrate(network: nn.Module) -> None:
    """Normalize by what a few made-up pictures give, so that every layer has a useful range."""
    nn.init.constant_(network.bbox_head.retina_cls.bias, -4)
    network.bbox_head.retina_cls.weight.data *= 3
    network.train()
    normalizations = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    for module in normalizations:
        module.momentum = 1.0
    pictures = F.interpolate(torch.randn(4, 3, 8, 8), size=(256, 256)) + torch.randn(4, 3, 256, 256)
    with torch.no_grad():
        network(pictures)
    for module in normalizations:
        # The last level has 2 x 2 points: some channels hardly vary, and would drown the others.
        module.running_var.clamp_(min=float(module.running_var.mean()))


def upstream(folder: str) -> nn.Module:
    """The network of a checkout of mmdetection 2, in its own configuration."""
    sys.path.insert(0, folder)
    from mmcv import Config
    from mmcv.ops.merge_cells import BaseMergeCell
    from mmdet.models import build_detector

    # mmcv's own computes the window of a pooling by tensors, which torch cannot export.
    BaseMergeCell._resize = lambda self, x, size: resized(x, size)
    config = Config.fromfile(str(Path(folder) / CONFIG))
    config.model.pretrained = None
    network = build_detector(config.model, test_cfg=config.get("test_cfg"))
    network.forward = network.forward_dummy
    return network


def by_torchscript(detector: nn.Module, example: torch.Tensor, given: argparse.Namespace) -> None:
    """Write the model by the older exporter."""
    # All sizes are fixed.
    warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)
    # Older versions have no other exporter.
    which = {"dynamo": False} if "dynamo" in signature(torch.onnx.export).parameters else {}
    torch.onnx.export(
        detector, (example,), given.output, opset_version=given.opset, **which, **NAMES
    )


def by_dynamo(detector: nn.Module, example: torch.Tensor, given: argparse.Namespace) -> None:
    """Write the model by the newer exporter."""
    from onnxscript import opset18 as op

    suppress = torch.library.custom_op("graphfix_export::suppress", suppressed, mutates_args=())

    @suppress.register_fake
    def _(boxes: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        count = torch.library.get_ctx().new_dynamic_size()
        return boxes.new_empty((count, 3), dtype=torch.int64)

    def translate(boxes, scores):  # type: ignore[no-untyped-def]
        limits = (
            op.Constant(value_ints=[MOST]),
            op.Constant(value_floats=[OVERLAP]),
            op.Constant(value_floats=[SCORE]),
        )
        return op.NonMaxSuppression(boxes, scores, *limits)

    detector.suppress = suppress
    torch.onnx.export(
        detector, (example,), given.output, opset_version=given.opset, dynamo=True,
        custom_translation_table={torch.ops.graphfix_export.suppress.default: translate},
        external_data=False, **NAMES,
    )  # fmt: skip


def size(text: str) -> tuple[int, int]:
    """Height and width, from a text such as ``640x640``."""
    height, width = map(int, text.split("x"))
    if height % STRIDES[-1] or width % STRIDES[-1]:
        raise argparse.ArgumentTypeError(f"{text}: must be multiples of {STRIDES[-1]}")
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
    parser.add_argument("--size", type=size, default="640x640")
    given = parser.parse_args()
    network = load(given)
    detector = Detector(network, given.size, CANDIDATES[given.width]).eval()
    write = by_dynamo if given.exporter == "dynamo" else by_torchscript
    write(detector, torch.zeros(1, 3, *given.size), given)
    print(f"{sum(p.numel() for p in network.parameters())} parameters, opset {given.opset}")


if __name__ == "__main__":
    main()

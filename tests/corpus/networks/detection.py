# torch is not installed where types are checked
# mypy: disable-error-code="misc, import-not-found, no-any-return, unused-ignore"
"""Detectors to their last box: heads written here, and torchvision's own small."""

from collections import OrderedDict
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from tests.corpus.networks.convolutional import conv
from tests.corpus.torchvision_operators import load

torchvision = load()


class YoloV5(nn.Module):
    """Focus by strided slices, CSP, SPP, and boxes decoded from anchors over the grid."""

    def __init__(self) -> None:
        super().__init__()
        self.focus = conv(12, 8)
        self.down = conv(8, 16, 3, 2)
        self.left, self.right = conv(16, 8, 1), conv(16, 8, 1)
        self.join = conv(8 * 4 + 8, 16, 1)
        self.head = nn.Conv2d(16, 3 * 7, 1)
        self.register_buffer("anchors", torch.tensor([[4.0, 5], [8, 9], [15, 12]]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        corners = [x[..., i::2, j::2] for j in (0, 1) for i in (0, 1)]
        y = self.down(self.focus(torch.cat(corners, 1)))
        left = self.left(y)
        pooled = [F.max_pool2d(left, k, 1, k // 2) for k in (3, 5, 9)]
        y = self.head(self.join(torch.cat([left, *pooled, self.right(y)], 1)))
        n, _, h, w = y.shape
        y = y.view(n, 3, 7, h, w).permute(0, 1, 3, 4, 2).contiguous().sigmoid()
        rows, cols = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
        grid = torch.stack((cols, rows), 2).view(1, 1, h, w, 2).float()
        centre = (y[..., 0:2] * 2 - 0.5 + grid) * 4
        size = (y[..., 2:4] * 2) ** 2 * self.anchors.view(1, 3, 1, 1, 2)
        return torch.cat((centre, size, y[..., 4:]), -1).view(n, -1, 7)


class YoloV8(nn.Module):
    """Without anchors: distances as the mean of a softmax, taken by a convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.SiLU(),
            nn.Conv2d(8, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.SiLU(),
        )  # fmt: skip
        self.down = nn.Conv2d(16, 16, 3, 2, 1)
        self.boxes = nn.ModuleList([nn.Conv2d(16, 32, 1) for _ in range(2)])
        self.classes = nn.ModuleList([nn.Conv2d(16, 3, 1) for _ in range(2)])
        self.register_buffer("steps", torch.arange(8.0).view(1, 8, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = self.stem(x)
        maps = [first, F.silu(self.down(first))]
        parts = [
            torch.cat([box(m), kind(m)], 1)
            for m, box, kind in zip(maps, self.boxes, self.classes, strict=True)
        ]
        centres, strides = [], []
        for m, stride in zip(maps, (4, 8), strict=True):
            h, w = m.shape[-2:]
            rows, cols = torch.meshgrid(torch.arange(h) + 0.5, torch.arange(w) + 0.5, indexing="ij")
            centres.append(torch.stack((cols, rows), -1).view(-1, 2))
            strides.append(torch.full((h * w, 1), float(stride)))
        places, stride = torch.cat(centres).t()[None], torch.cat(strides).t()
        y = torch.cat([part.view(part.shape[0], 35, -1) for part in parts], 2)
        boxes, kinds = y.split((32, 3), 1)
        n, _, count = boxes.shape
        spread = boxes.view(n, 4, 8, count).transpose(2, 1).softmax(1)
        distance = F.conv2d(spread, self.steps).view(n, 4, count)
        low, high = distance.chunk(2, 1)
        low, high = places - low, places + high
        return torch.cat(
            (torch.cat(((low + high) / 2, high - low), 1) * stride, kinds.sigmoid()), 1
        )


class YoloWithNms(nn.Module):
    """One level of boxes, thresholded, and suppressed in the graph."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(conv(3, 8, 3, 2), conv(8, 12, 3, 2), nn.Conv2d(12, 6, 1))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        y = self.net(x)[0].flatten(1).t()
        centre, size = y[:, :2].sigmoid() * 64, y[:, 2:4].exp().clamp(1, 32)
        boxes = torch.cat([centre - size / 2, centre + size / 2], dim=1)
        scores, kinds = y[:, 4:].sigmoid().max(dim=1)
        kept = torchvision.ops.batched_nms(boxes, scores, kinds, 0.5)[:20]
        return boxes[kept], scores[kept], kinds[kept]


class Ssd(nn.Module):
    """Default boxes as constants, two levels, L2 norm, boxes decoded, softmax over the classes."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList([conv(3, 8, 3, 4), conv(8, 8, 3, 2)])
        self.places = nn.ModuleList([nn.Conv2d(8, 8, 3, 1, 1) for _ in range(2)])
        self.kinds = nn.ModuleList([nn.Conv2d(8, 6, 3, 1, 1) for _ in range(2)])
        self.scale = nn.Parameter(torch.rand(1, 8, 1, 1) * 10)
        self.register_buffer("priors", torch.rand(2 * (16 * 16 + 8 * 8), 4) * 0.5 + 0.25)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        places, kinds = [], []
        for k, stage in enumerate(self.stages):
            x = stage(x)
            y = F.normalize(x, dim=1) * self.scale if k == 0 else x
            places.append(self.places[k](y).permute(0, 2, 3, 1).reshape(x.shape[0], -1, 4))
            kinds.append(self.kinds[k](y).permute(0, 2, 3, 1).reshape(x.shape[0], -1, 3))
        moves = torch.cat(places, 1)
        centre = self.priors[:, :2] + moves[..., :2] * 0.1 * self.priors[:, 2:]
        size = self.priors[:, 2:] * torch.exp(moves[..., 2:].clamp(max=4) * 0.2)
        boxes = torch.cat([centre - size / 2, centre + size / 2], -1)
        return boxes, F.softmax(torch.cat(kinds, 1), -1)


class CenterNet(nn.Module):
    """Peaks of a heat map by max pooling, the best by TopK, their sizes gathered."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv(3, 8, 3, 2), conv(8, 8, 3, 2))
        self.up = nn.ConvTranspose2d(8, 8, 4, 2, 1, groups=8, bias=False)
        self.heat, self.size = nn.Conv2d(8, 2, 1), nn.Conv2d(8, 2, 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        y = self.up(self.stem(x))
        heat = self.heat(y).sigmoid()
        heat = heat * (F.max_pool2d(heat, 3, 1, 1) == heat).float()
        n, _, h, w = heat.shape
        scores, index = heat.view(n, -1).topk(10)
        kind, spot = torch.div(index, h * w, rounding_mode="floor"), index % (h * w)
        sizes = self.size(y).flatten(2).permute(0, 2, 1)
        sizes = sizes.gather(1, spot.unsqueeze(2).expand(-1, -1, 2))
        row, col = torch.div(spot, w, rounding_mode="floor"), spot % w
        return scores, kind, torch.cat([torch.stack([col, row], 2).float(), sizes], 2)


class RoiHead(nn.Module):
    """Regions given as an input, aligned from one map, classified by a small head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = conv(3, 8, 3, 4)
        self.head = nn.Sequential(nn.Linear(8 * 9, 16), nn.ReLU(), nn.Linear(16, 5))

    def forward(self, x: torch.Tensor, boxes: torch.Tensor) -> torch.Tensor:
        boxes = torch.cat([boxes[:, :2], boxes[:, :2] + boxes[:, 2:].abs() + 1], 1)
        rois = torch.cat([torch.zeros_like(boxes[:, :1]), boxes], 1)
        found = torch.ops.torchvision.roi_align(self.stem(x), rois, 0.25, 3, 3, 2, False)
        return F.softmax(self.head(found.flatten(1)), dim=1)


class _Backbone(nn.Module):
    """Two maps by name, as torchvision's detectors want them."""

    out_channels = 8

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(conv(3, 8, 3, 4), conv(8, 8))
        self.second = conv(8, 8, 3, 2)

    def forward(self, x: torch.Tensor) -> OrderedDict[str, torch.Tensor]:
        x = self.first(x)
        return OrderedDict([("0", x), ("1", self.second(x))])


class _Pictures(nn.Module):
    """A batch of one as the list of pictures that torchvision's detectors take."""

    def __init__(self, detector: nn.Module) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        found = self.detector([x[0]])
        if isinstance(found, tuple):  # losses and detections, in scripts
            found = found[1]
        return found[0]["boxes"], found[0]["scores"], found[0]["labels"]


_SIZES: dict[str, Any] = {"min_size": 64, "max_size": 64}


def _anchors(*sizes: tuple[int, ...]) -> Any:
    from torchvision.models.detection.anchor_utils import AnchorGenerator

    return AnchorGenerator(sizes, ((0.5, 1.0, 2.0),) * len(sizes))


def faster_rcnn() -> nn.Module:
    """torchvision's, with two levels."""
    from torchvision.models.detection import FasterRCNN

    pool = torchvision.ops.MultiScaleRoIAlign(["0", "1"], 3, 2)
    head = torchvision.models.detection.faster_rcnn.TwoMLPHead(8 * 9, 16)
    predictor = torchvision.models.detection.faster_rcnn.FastRCNNPredictor(16, 3)
    return _Pictures(
        FasterRCNN(
            _Backbone(), rpn_anchor_generator=_anchors((16,), (32,)), box_roi_pool=pool,
            box_head=head, box_predictor=predictor, rpn_post_nms_top_n_test=30,
            rpn_pre_nms_top_n_test=50, box_detections_per_img=10, **_SIZES,
        )
    )  # fmt: skip


def retina() -> nn.Module:
    """torchvision's RetinaNet, with two levels."""
    from torchvision.models.detection import RetinaNet

    return _Pictures(
        RetinaNet(
            _Backbone(), 3, anchor_generator=_anchors((8,), (32,)), topk_candidates=40,
            score_thresh=0.01, detections_per_img=10, **_SIZES,
        )
    )  # fmt: skip

# torch is not installed where types are checked
# mypy: disable-error-code="misc, import-not-found, no-any-return, unused-ignore"
"""Classifiers, dense predictors and super resolution: the shapes of well-known families, small."""

import torch
import torch.nn.functional as F
from torch import nn


def conv(into: int, out: int, kernel: int = 3, stride: int = 1, **more: int) -> nn.Sequential:
    """Convolution, batch normalisation, ReLU."""
    pad = more.get("dilation", 1) * (kernel // 2)
    layer = nn.Conv2d(into, out, kernel, stride, pad, bias=False, **more)  # type: ignore[arg-type]
    return nn.Sequential(layer, nn.BatchNorm2d(out), nn.ReLU(inplace=True))


class Residual(nn.Module):
    """ResNet: a stem with max pooling, basic blocks, one with a projected shortcut."""

    class Block(nn.Module):
        def __init__(self, into: int, out: int, stride: int) -> None:
            super().__init__()
            self.first = conv(into, out, stride=stride)
            self.second = nn.Sequential(
                nn.Conv2d(out, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out)
            )
            self.short: nn.Module = nn.Identity()
            if stride != 1 or into != out:
                self.short = nn.Sequential(
                    nn.Conv2d(into, out, 1, stride, bias=False), nn.BatchNorm2d(out)
                )

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return F.relu(self.second(self.first(x)) + self.short(x))

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv(3, 8, 7, 2), nn.MaxPool2d(3, 2, 1))
        self.blocks = nn.Sequential(
            self.Block(8, 8, 1), self.Block(8, 16, 2), self.Block(16, 16, 1)
        )
        self.head = nn.Linear(16, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(F.adaptive_avg_pool2d(self.blocks(self.stem(x)), 1).flatten(1))


class Mobile(nn.Module):
    """MobileNetV3: inverted residuals, squeeze-and-excitation, HardSwish, ReLU6."""

    class Block(nn.Module):
        def __init__(self, into: int, out: int, stride: int, act: type[nn.Module]) -> None:
            super().__init__()
            wide = into * 3
            self.expand = nn.Sequential(
                nn.Conv2d(into, wide, 1, bias=False), nn.BatchNorm2d(wide), act()
            )
            self.depth = nn.Sequential(
                nn.Conv2d(wide, wide, 5, stride, 2, groups=wide, bias=False),
                nn.BatchNorm2d(wide),
                act(),
            )
            self.squeeze = nn.Sequential(
                nn.AdaptiveAvgPool2d(1),
                nn.Conv2d(wide, 4, 1),
                nn.ReLU(),
                nn.Conv2d(4, wide, 1),
                nn.Hardsigmoid(),
            )
            self.project = nn.Sequential(nn.Conv2d(wide, out, 1, bias=False), nn.BatchNorm2d(out))
            self.same = stride == 1 and into == out

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.depth(self.expand(x))
            y = self.project(y * self.squeeze(y))
            return x + y if self.same else y

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.Hardswish())
        self.blocks = nn.Sequential(
            self.Block(8, 8, 1, nn.ReLU6),
            self.Block(8, 12, 2, nn.Hardswish),
            self.Block(12, 12, 1, nn.Hardswish),
        )
        self.head = nn.Linear(12, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.blocks(self.stem(x)).mean([2, 3]))


class Efficient(nn.Module):
    """EfficientNet: SiLU, squeeze-and-excitation by sigmoid, padding as TensorFlow's SAME."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 2, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.depth = nn.Sequential(
            nn.Conv2d(8, 8, 3, 1, 1, groups=8, bias=False), nn.BatchNorm2d(8), nn.SiLU()
        )
        self.reduce, self.restore = nn.Conv2d(8, 4, 1), nn.Conv2d(4, 8, 1)
        self.project = nn.Sequential(nn.Conv2d(8, 8, 1, bias=False), nn.BatchNorm2d(8))
        self.head = nn.Linear(8, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.silu(self.norm(self.stem(F.pad(x, (0, 1, 0, 1)))))
        y = self.depth(x)
        scale = self.restore(F.silu(self.reduce(y.mean((2, 3), keepdim=True))))
        x = x + self.project(y * torch.sigmoid(scale))
        return F.log_softmax(self.head(torch.flatten(F.adaptive_avg_pool2d(x, 1), 1)), dim=1)


class Shuffle(nn.Module):
    """ShuffleNetV2: channels split in two halves and shuffled by a reshape of rank five."""

    class Unit(nn.Module):
        def __init__(self, channels: int) -> None:
            super().__init__()
            half = channels // 2
            self.branch = nn.Sequential(
                conv(half, half, 1),
                nn.Conv2d(half, half, 3, 1, 1, groups=half, bias=False),
                nn.BatchNorm2d(half),
                conv(half, half, 1),
            )

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            kept, changed = x.chunk(2, dim=1)
            x = torch.cat([kept, self.branch(changed)], dim=1)
            n, c, h, w = x.shape
            return x.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, c, h, w)

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv(3, 16, 3, 2), nn.MaxPool2d(3, 2, 1))
        self.units = nn.Sequential(self.Unit(16), self.Unit(16))
        self.head = nn.Linear(16, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.units(self.stem(x)).mean([2, 3]))


class ConvNext(nn.Module):
    """ConvNeXt: large depthwise kernels, LayerNorm over channels last, GELU, layer scale."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 12, 4, 4)
        self.depth = nn.Conv2d(12, 12, 7, 1, 3, groups=12)
        self.norm = nn.LayerNorm(12, eps=1e-6)
        self.up, self.down = nn.Linear(12, 48), nn.Linear(48, 12)
        self.scale = nn.Parameter(torch.rand(12))
        self.head = nn.Linear(12, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        y = self.norm(self.depth(x).permute(0, 2, 3, 1))
        y = self.scale * self.down(F.gelu(self.up(y)))
        x = x + y.permute(0, 3, 1, 2)
        return self.head(F.layer_norm(x.mean((-2, -1)), (12,)))


class UNet(nn.Module):
    """U-Net: down, up by transposed convolution, joined over the channels; GroupNorm and Mish."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = conv(3, 8), conv(8, 16)
        self.middle = nn.Sequential(nn.Conv2d(16, 16, 3, 1, 1), nn.GroupNorm(4, 16), nn.Mish())
        self.up = nn.ConvTranspose2d(16, 8, 2, 2)
        self.join = conv(16, 8)
        self.head = nn.Conv2d(8, 3, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a = self.a(x)
        low = self.middle(self.b(F.max_pool2d(a, 2)))
        up = self.up(low)
        # Odd sizes lose a row and a column below.
        up = F.pad(up, (0, a.shape[3] - up.shape[3], 0, a.shape[2] - up.shape[2]))
        return self.head(self.join(torch.cat([up, a], dim=1)))


class DeepLab(nn.Module):
    """DeepLab: dilated convolutions beside pooled features, enlarged to the picture; classes."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv(3, 8, 3, 2), conv(8, 12, 3, 2))
        self.branches = nn.ModuleList([conv(12, 8, 1), conv(12, 8, dilation=2)])
        self.pooled = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(12, 8, 1), nn.ReLU())
        self.head = nn.Sequential(conv(24, 8), nn.Conv2d(8, 4, 1))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        y = self.stem(x)
        parts = [branch(y) for branch in self.branches]
        parts.append(F.interpolate(self.pooled(y), y.shape[-2:], mode="bilinear"))
        scores = self.head(torch.cat(parts, dim=1))
        scores = F.interpolate(scores, x.shape[-2:], mode="bilinear", align_corners=False)
        return scores, scores.argmax(dim=1)


class Pyramid(nn.Module):
    """Feature pyramid: nearest upsampling to the next level's size, sums, four outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList([conv(3, 8, 3, 2), conv(8, 12, 3, 2), conv(12, 16, 3, 2)])
        self.sides = nn.ModuleList([nn.Conv2d(c, 8, 1) for c in (8, 12, 16)])
        self.smooth = nn.ModuleList([nn.Conv2d(8, 8, 3, 1, 1) for _ in range(3)])

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        levels = []
        for stage in self.stages:
            x = stage(x)
            levels.append(x)
        top = self.sides[2](levels[2])
        outputs = [self.smooth[2](top)]
        for k in (1, 0):
            top = self.sides[k](levels[k]) + F.interpolate(
                top, size=levels[k].shape[-2:], mode="nearest"
            )
            outputs.append(self.smooth[k](top))
        return (*outputs, F.max_pool2d(outputs[0], 1, 2))


class SuperResolution(nn.Module):
    """Sub-pixel convolution on top of a bicubic enlargement; PReLU by channel."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Sequential(nn.Conv2d(3, 12, 5, 1, 2), nn.PReLU(12))
        self.body = nn.Sequential(nn.Conv2d(12, 12, 3, 1, 1), nn.LeakyReLU(0.1))
        self.tail = nn.Sequential(nn.Conv2d(12, 12, 3, 1, 1), nn.PixelShuffle(2))
        self.mean = nn.Parameter(torch.rand(1, 3, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.head(x - self.mean)
        y = self.tail(y + self.body(y))
        large = F.interpolate(x, scale_factor=2, mode="bicubic", align_corners=False)
        return (y + self.mean + large).clamp(-3, 3)


class SpaceToDepth(nn.Module):
    """Pixel unshuffle, instance normalisation, reflected borders; the way back by reshapes."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(12, 16, 3)
        self.norm = nn.InstanceNorm2d(16, affine=True)
        self.up = nn.Conv2d(16, 12, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.pad(F.pixel_unshuffle(x, 2), (1, 1, 1, 1), mode="reflect")
        y = torch.tanh(self.up(F.elu(self.norm(self.down(y)))))
        n, _, h, w = y.shape
        return y.reshape(n, 3, 2, 2, h, w).permute(0, 1, 4, 2, 5, 3).reshape(n, 3, 2 * h, 2 * w)


class Warp(nn.Module):
    """Spatial transformer: a grid made from the features, sampled bilinearly."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(conv(3, 8, 3, 2), conv(8, 8, 3, 2), nn.AdaptiveAvgPool2d(1))
        self.theta = nn.Linear(8, 6)
        self.register_buffer("still", torch.tensor([1.0, 0, 0, 0, 1.0, 0]))
        self.head = nn.Conv2d(3, 4, 3, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        theta = 0.1 * torch.tanh(self.theta(self.features(x).flatten(1))) + self.still
        rows = torch.linspace(-1, 1, 24).view(24, 1, 1).expand(24, 24, 1)
        ones = torch.ones_like(rows)
        base = torch.cat([rows.transpose(0, 1), rows, ones], dim=2).view(1, -1, 3)
        grid = torch.matmul(base, theta.view(-1, 2, 3).transpose(1, 2)).view(-1, 24, 24, 2)
        return self.head(F.grid_sample(x, grid, align_corners=False))

# torch is not installed where types are checked
# mypy: disable-error-code="misc, import-not-found, no-any-return, unused-ignore"
"""Transformers that look at pictures: ViT, Swin's shifted windows, DETR's queries."""

import torch
import torch.nn.functional as F
from torch import nn


class Vit(nn.Module):
    """Patches, a class token, learned positions, scaled dot-product attention."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 8, 8)
        self.token = nn.Parameter(torch.randn(1, 1, 16))
        self.places = nn.Parameter(torch.randn(1, 17, 16))
        self.norm, self.last = nn.LayerNorm(16), nn.LayerNorm(16)
        self.qkv, self.out = nn.Linear(16, 48), nn.Linear(16, 16)
        self.mlp = nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 16))
        self.head = nn.Linear(16, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], dim=1) + self.places
        n, length, _ = x.shape
        q, k, v = (
            self.qkv(self.norm(x)).reshape(n, length, 3, 2, 8).permute(2, 0, 3, 1, 4).unbind(0)
        )
        y = F.scaled_dot_product_attention(q, k, v)
        x = x + self.out(y.transpose(1, 2).reshape(n, length, 16))
        x = x + self.mlp(self.last(x))
        return self.head(x[:, 0])


class Swin(nn.Module):
    """Windows of a rolled map with relative positions and a mask, then patch merging by slices."""

    window, shift = 4, 2

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 2, 2)
        self.norm, self.merged = nn.LayerNorm(8), nn.LayerNorm(32)
        self.qkv, self.out = nn.Linear(8, 24), nn.Linear(8, 8)
        self.table = nn.Parameter(torch.randn(49, 2))
        self.reduce = nn.Linear(32, 16, bias=False)
        self.head = nn.Linear(16, 10)
        spots = torch.stack(torch.meshgrid(torch.arange(4), torch.arange(4), indexing="ij"))
        apart = spots.flatten(1)[:, :, None] - spots.flatten(1)[:, None]
        self.register_buffer("index", ((apart[0] + 3) * 7 + apart[1] + 3).flatten())
        area = torch.zeros(16, 16)
        for i, rows in enumerate((slice(0, -4), slice(-4, -2), slice(-2, None))):
            for j, cols in enumerate((slice(0, -4), slice(-4, -2), slice(-2, None))):
                area[rows, cols] = 3 * i + j
        area = area.view(4, 4, 4, 4).transpose(1, 2).reshape(16, 16)
        other = area[:, None] != area[:, :, None]
        self.register_buffer("mask", other.float() * -100)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.patches(x).permute(0, 2, 3, 1)
        n, h, w, c = x.shape
        y = torch.roll(self.norm(x), (-self.shift, -self.shift), (1, 2))
        y = y.view(n, h // 4, 4, w // 4, 4, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, 16, c)
        q, k, v = self.qkv(y).reshape(-1, 16, 3, 2, 4).permute(2, 0, 3, 1, 4)
        bias = self.table[self.index].view(16, 16, 2).permute(2, 0, 1)
        scores = (q * 0.5) @ k.transpose(-2, -1) + bias
        scores = scores.view(n, 16, 2, 16, 16) + self.mask[None, :, None]
        weights = F.softmax(scores.view(-1, 2, 16, 16), dim=-1)
        y = self.out((weights @ v).transpose(1, 2).reshape(-1, 16, c))
        y = y.view(n, h // 4, w // 4, 4, 4, c).permute(0, 1, 3, 2, 4, 5).reshape(n, h, w, c)
        x = x + torch.roll(y, (self.shift, self.shift), (1, 2))
        corners = [x[:, i::2, j::2] for j in (0, 1) for i in (0, 1)]
        x = self.reduce(self.merged(torch.cat(corners, -1)))
        return self.head(x.mean((1, 2)))


class Detr(nn.Module):
    """A picture's features as memory, learned queries, classes and boxes with inverse sigmoid."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Conv2d(3, 16, 8, 8)
        self.queries = nn.Parameter(torch.randn(6, 16))
        self.points = nn.Parameter(torch.rand(6, 4))
        self.cross = nn.MultiheadAttention(16, 2, batch_first=True)
        self.norm = nn.LayerNorm(16)
        self.classes, self.boxes = nn.Linear(16, 5), nn.Linear(16, 4)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        memory = self.features(x).flatten(2).permute(0, 2, 1)
        queries = self.queries.unsqueeze(0).repeat(x.shape[0], 1, 1)
        y, _ = self.cross(queries, memory, memory)
        y = self.norm(queries + y)
        points = self.points.clamp(1e-3, 1 - 1e-3)
        start = torch.log(points / (1 - points))
        return self.classes(y), (self.boxes(y) + start).sigmoid()

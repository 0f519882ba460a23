# torch is not installed where types are checked
# mypy: disable-error-code="misc, import-not-found, no-any-return, unused-ignore"
"""Networks of the ModelZoo in small: the part of each that its surgery script changes."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from tests.corpus.networks.convolutional import conv


class U2Net(nn.Module):
    """Maps of lower layers enlarged to those above them, at the picture size of the original."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = conv(3, 4), conv(4, 4), conv(4, 4)
        self.low, self.high = conv(8, 4), conv(8, 4)
        self.sides = nn.ModuleList([nn.Conv2d(4, 1, 3, 1, 1) for _ in range(2)])

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        a = self.a(x)
        b = self.b(F.max_pool2d(a, 2))
        c = self.c(F.max_pool2d(b, 2))
        low = self.low(torch.cat([self._enlarge(c, b), b], 1))
        high = self.high(torch.cat([self._enlarge(low, a), a], 1))
        sides = self.sides[0](high), self._enlarge(self.sides[1](low), x)
        return tuple(torch.sigmoid(side) for side in sides)

    @staticmethod
    def _enlarge(x: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
        return F.interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=False)


class Flownet2(nn.Module):
    """The second picture warped by a flow: index arithmetic on integers, and a crop."""

    def __init__(self) -> None:
        super().__init__()
        self.flow = nn.Conv2d(6, 2, 3, 1, 1)

    def forward(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        n, c, h, w = second.shape
        flow = self.flow(torch.cat([first, second], 1)) * 3
        col = (torch.floor(flow[:, 0]).long() + torch.arange(w)).clamp(0, w - 1)
        row = (torch.floor(flow[:, 1]).long() + torch.arange(h)[:, None]).clamp(0, h - 1)
        index = (row * w + col).view(n, 1, -1).expand(-1, c, -1)
        warped = second.flatten(2).gather(2, index).view(n, c, h, w)
        return (warped - first)[:, :, 2:-2, 3:-3]


class YoloX(nn.Module):
    """Boxes from a grid of any size, and the suppression of each class's overlapping ones."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv(3, 8, 3, 4), conv(8, 8, 3, 2))
        self.head = nn.Conv2d(8, 8, 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        y = self.head(self.stem(x))
        n, c, h, w = y.shape
        y = y.view(n, c, h * w).transpose(1, 2)
        spots = torch.arange(h * w)
        row = torch.div(spots, w, rounding_mode="floor")
        grid = torch.stack([spots - row * w, row], 1).float()
        centre, size = (y[..., :2] + grid) * 8, y[..., 2:4].exp() * 8
        boxes = torch.cat([centre - size / 2, centre + size / 2], -1)
        return boxes, (y[..., 4:5].sigmoid() * y[..., 5:].sigmoid()).transpose(1, 2)


class RawNet2(nn.Module):
    """Filters of 1025 samples over the wave, residual blocks over one axis, the last GRU step."""

    def __init__(self) -> None:
        super().__init__()
        self.filters = nn.Conv1d(1, 6, 1025, bias=False)
        self.norm = nn.BatchNorm1d(6)
        self.first, self.second = (nn.Conv1d(6, 6, 3, padding=1) for _ in range(2))
        self.attention = nn.Linear(6, 6)
        self.gru = nn.GRU(6, 5, batch_first=True)
        self.head = nn.Linear(5, 2)

    def forward(self, wave: torch.Tensor) -> torch.Tensor:
        x = F.max_pool1d(self.filters(wave.unsqueeze(1)).abs(), 3)
        x = F.leaky_relu(self.norm(x), 0.3)
        x = F.max_pool1d(x + self.second(F.leaky_relu(self.first(x), 0.3)), 3)
        weight = torch.sigmoid(self.attention(F.adaptive_avg_pool1d(x, 1).flatten(1)))
        x = x * weight.unsqueeze(-1) + weight.unsqueeze(-1)
        y, _ = self.gru(x.permute(0, 2, 1))
        return self.head(y[:, -1, :])


class Aasist(nn.Module):
    """Filters over the wave, attention between all nodes of a graph, and the best nodes kept."""

    def __init__(self) -> None:
        super().__init__()
        self.filters = nn.Conv1d(1, 8, 129)
        self.pairs, self.weight = nn.Linear(8, 8), nn.Parameter(torch.randn(8, 1))
        self.project, self.score = nn.Linear(8, 8), nn.Linear(8, 1)
        self.head = nn.Linear(8, 2)

    def forward(self, wave: torch.Tensor) -> torch.Tensor:
        x = F.selu(F.max_pool1d(self.filters(wave.unsqueeze(1)).abs(), 8)).transpose(1, 2)
        pairs = torch.tanh(self.pairs(x.unsqueeze(2) * x.unsqueeze(1)))
        weights = F.softmax(torch.matmul(pairs, self.weight), dim=-2).squeeze(-1)
        x = F.selu(x + self.project(torch.matmul(weights, x)))
        scores = torch.sigmoid(self.score(x))
        _, best = torch.topk(scores, 6, dim=1)
        return self.head((x * scores).gather(1, best.expand(-1, -1, 8)).mean(1))


class Wseg(nn.Module):
    """Scores of classes along the channels, and what they average to over the picture."""

    def __init__(self) -> None:
        super().__init__()
        self.features = conv(3, 8, 3, 2)
        self.classes = nn.Conv2d(8, 5, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores = F.softmax(self.classes(self.features(x)), dim=1)
        return (scores * scores.mean((2, 3), keepdim=True)).sum((2, 3))


class Gpt2(nn.Module):
    """Layers as Hugging Face writes them, with weights turned and keys and values for later."""

    class Turned(nn.Module):
        def __init__(self, into: int, out: int) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(into, out) / math.sqrt(into))
            self.bias = nn.Parameter(torch.randn(out) * 0.2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = torch.addmm(self.bias, x.view(-1, x.size(-1)), self.weight)
            return y.view(*x.shape[:-1], -1)

    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm, self.last = nn.LayerNorm(16), nn.LayerNorm(16)
            self.qkv, self.out = Gpt2.Turned(16, 48), Gpt2.Turned(16, 16)
            self.up, self.down = Gpt2.Turned(16, 32), Gpt2.Turned(32, 16)
            self.register_buffer("later", torch.full((7, 7), -1e4).triu(1))

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
            q, k, v = self.qkv(self.norm(x)).split(16, dim=2)
            q, v = (t.view(*t.shape[:-1], 2, 8).permute(0, 2, 1, 3) for t in (q, v))
            k = k.view(*k.shape[:-1], 2, 8).permute(0, 2, 3, 1)
            weights = F.softmax(torch.matmul(q, k) / math.sqrt(8) + self.later, dim=-1)
            y = torch.matmul(weights, v).permute(0, 2, 1, 3).contiguous()
            x = x + self.out(y.view(*y.shape[:-2], 16))
            return x + self.down(F.gelu(self.up(self.last(x)))), k.transpose(-2, -1), v

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(50, 16), nn.Embedding(7, 16)
        self.layers = nn.ModuleList([self.Layer(), self.Layer()])
        self.norm = nn.LayerNorm(16)

    def forward(self, tokens: torch.Tensor) -> tuple[torch.Tensor, ...]:
        x, past = self.words(tokens) + self.places.weight, []
        for layer in self.layers:
            x, k, v = layer(x)
            past.append(torch.stack([k, v]))
        return torch.matmul(self.norm(x), self.words.weight.t()), *past


class Bert(nn.Module):
    """Two layers with products of their own for queries, keys and values, and padded tokens."""

    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.q, self.k, self.v, self.out = (nn.Linear(16, 16) for _ in range(4))
            self.up, self.down = nn.Linear(16, 32), nn.Linear(32, 16)
            self.middle, self.last = nn.LayerNorm(16), nn.LayerNorm(16)

        def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            q, k, v = (
                part(x).view(*x.shape[:-1], 2, 8).permute(0, 2, 1, 3)
                for part in (self.q, self.k, self.v)
            )
            scores = torch.matmul(q, k.transpose(-1, -2)) / math.sqrt(8) + mask
            y = torch.matmul(F.softmax(scores, dim=-1), v).permute(0, 2, 1, 3).contiguous()
            x = self.middle(self.out(y.view(*y.shape[:-2], 16)) + x)
            return self.last(self.down(F.gelu(self.up(x))) + x)

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(50, 16), nn.Embedding(7, 16)
        self.norm = nn.LayerNorm(16)
        self.layers = nn.ModuleList([self.Layer(), self.Layer()])
        self.head = nn.Linear(16, 5)

    def forward(self, tokens: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        mask = (1.0 - attention_mask[:, None, None, :].float()) * torch.finfo(torch.float32).min
        x = self.norm(self.words(tokens) + self.places.weight)
        for layer in self.layers:
            x = layer(x, mask)
        return self.head(x)


class TransformerXl(nn.Module):
    """One text [length, 1, H] after what is remembered of it; scores shifted by their distance."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v, self.out = (nn.Linear(16, 16, bias=False) for _ in range(4))
        self.far, self.down = nn.Linear(16, 16), nn.Linear(16, 16)
        self.register_buffer("distances", torch.randn(9, 2, 8))

    def forward(self, x: torch.Tensor, memory: torch.Tensor) -> torch.Tensor:
        length = x.shape[0]
        q = self.q(x).view(length, 1, 2, 8)
        known = torch.cat([memory, x], 0)
        k = self.k(known).view(-1, 1, 2, 8)
        v = self.v(known).view(-1, 1, 2, 8)
        near = torch.einsum("ibnd,jbnd->bnij", q, k)
        far = torch.einsum("ibnd,jnd->bnij", q, self.distances)
        weights = F.softmax((near + self._shift(far)) / math.sqrt(8), dim=-1)
        y = torch.einsum("bnij,jbnd->ibnd", weights, v).reshape(length, 1, 16)
        x = x + self.out(y)
        return x + self.down(F.relu(self.far(x)))

    @staticmethod
    def _shift(x: torch.Tensor) -> torch.Tensor:
        batch, heads, rows, cols = x.shape
        padded = torch.cat([torch.zeros(batch, heads, rows, 1), x], dim=3)
        return padded.view(batch, heads, cols + 1, rows)[:, :, 1:].reshape(x.shape)


class Tsm(nn.Module):
    """Eight pictures a clip; some channels go to the picture before, some to the one after."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.body = conv(3, 8, 3, 4), conv(8, 8)
        self.head = nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        count, c, h, w = x.shape
        x = x.view(count // 8, 8, c, h, w)
        none = torch.zeros_like(x[:, :1, :2])
        before = torch.cat([x[:, 1:, :2], none], 1)
        after = torch.cat([none, x[:, :-1, 2:4]], 1)
        x = torch.cat([before, after, x[:, :, 4:]], 2).view(count, c, h, w)
        y = self.head(self.body(x).mean((2, 3)))
        return y.view(count // 8, 8, 5).mean(1)


class Unet3d(nn.Module):
    """A volume halved, and enlarged again along three axes."""

    def __init__(self) -> None:
        super().__init__()
        self.high, self.low = nn.Conv3d(1, 4, 3, padding=1), nn.Conv3d(4, 4, 3, padding=1)
        self.head = nn.Conv3d(8, 3, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.high(x))
        y = F.relu(self.low(F.max_pool3d(x, 2)))
        y = F.interpolate(y, scale_factor=2.0, mode="trilinear", align_corners=True)
        return self.head(torch.cat([x, y], 1))


class Conformer(nn.Module):
    """Frames made fewer, attention, a gated convolution over time; and how long each row is."""

    def __init__(self) -> None:
        super().__init__()
        self.fewer, self.width = nn.Conv2d(1, 4, 3, 2), nn.Linear(4 * 5, 16)
        self.norm, self.qkv, self.out = nn.LayerNorm(16), nn.Linear(16, 48), nn.Linear(16, 16)
        self.gate, self.depth = nn.Conv1d(16, 32, 1), nn.Conv1d(16, 16, 3, padding=1, groups=16)

    def forward(self, speech: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = F.relu(self.fewer(speech.unsqueeze(1)))
        n, c, t, f = x.shape
        x = self.width(x.transpose(1, 2).contiguous().view(n, t, c * f))
        q, k, v = (
            part.view(n, t, 2, 8).transpose(1, 2) for part in self.qkv(self.norm(x)).split(16, 2)
        )
        y = torch.matmul(F.softmax(torch.matmul(q, k.transpose(-2, -1)) / 3, -1), v)
        x = x + self.out(y.transpose(1, 2).contiguous().view(n, t, 16))
        x = x + self.depth(F.glu(self.gate(x.transpose(1, 2)), 1)).transpose(1, 2)
        return x, torch.ones(n, 1, t)


class Crnn(nn.Module):
    """Lines of any width: two bidirectional LSTMs, each with a Linear over all steps at once."""

    class Both(nn.Module):
        def __init__(self, into: int, out: int) -> None:
            super().__init__()
            self.lstm = nn.LSTM(into, 6, bidirectional=True)
            self.head = nn.Linear(12, out)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y, _ = self.lstm(x)
            steps, n, width = y.size()
            return self.head(y.view(steps * n, width)).view(steps, n, -1)

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(conv(1, 6, 3, 2), nn.Conv2d(6, 8, (8, 2)), nn.ReLU())
        self.text = nn.Sequential(self.Both(8, 6), self.Both(6, 11))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.text(self.features(x).squeeze(2).permute(2, 0, 1))


class Ctpn(nn.Module):
    """Every row of a map read in both directions by a GRU."""

    def __init__(self) -> None:
        super().__init__()
        self.features, self.head = conv(3, 8, 3, 4), nn.Conv2d(10, 4, 1)
        self.gru = nn.GRU(8, 5, bidirectional=True, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.features(x).permute(0, 2, 3, 1).contiguous()
        n, h, w, c = y.shape
        y, _ = self.gru(y.view(n * h, w, c))
        return self.head(y.view(n, h, w, 10).permute(0, 3, 1, 2))


class Suppression(torch.autograd.Function):
    """NonMaxSuppression as the exports write it: traced with a shape, for the runtime to fill."""

    @staticmethod
    def forward(_: Any, boxes: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        return torch.zeros(scores.shape[1], 3, dtype=torch.long)

    @staticmethod
    def symbolic(g: Any, boxes: Any, scores: Any) -> Any:
        limits = torch.tensor([20]), torch.tensor([0.5]), torch.tensor([0.05])
        return g.op(
            "NonMaxSuppression", boxes, scores, *(g.op("Constant", value_t=t) for t in limits)
        )


class Ssd(nn.Module):
    """Corners from centre and size, a softmax over the classes, the best boxes of each."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv(3, 8, 3, 4), conv(8, 8, 3, 2))
        self.places, self.kinds = nn.Conv2d(8, 8, 3, 1, 1), nn.Conv2d(8, 8, 3, 1, 1)
        self.register_buffer("priors", torch.rand(1, 32, 4) * 0.5 + 0.25)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        x = self.stem(x)
        moves = self.places(x).permute(0, 2, 3, 1).reshape(1, -1, 4)
        kinds = self.kinds(x).permute(0, 2, 3, 1).reshape(1, -1, 4)
        centre = self.priors[..., :2] + moves[..., :2] * 0.1 * self.priors[..., 2:]
        size = self.priors[..., 2:] * torch.exp(moves[..., 2:] * 0.2)
        boxes = torch.cat([centre - size / 2, centre + size / 2], -1)
        scores = F.softmax(kinds, -1)[..., 1:].transpose(1, 2)
        picked = Suppression.apply(boxes, scores)
        return boxes[0, picked[:, 2]], scores[0, picked[:, 1], picked[:, 2]], picked[:, 1]


class LprNet(nn.Module):
    """A pool that takes every other channel, and maps divided by the mean of all their squares."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = conv(3, 8), conv(4, 8)
        self.pool = nn.MaxPool3d((1, 3, 3), (2, 1, 2))
        self.head = nn.Conv2d(16, 7, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        parts = [x[..., 1:-1, 1:-1:2], self.second(self.pool(x.unsqueeze(1)).squeeze(1))]
        parts = [part / torch.mean(torch.pow(part, 2)) for part in parts]
        return self.head(torch.cat(parts, 1)).mean(2)


class FaceNet(nn.Module):
    """PReLU behind convolutions and behind a Linear, and lengths that are at least something."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 6, 3, 2), nn.PReLU(6), nn.Conv2d(6, 8, 3, 2))
        self.head = nn.Sequential(nn.Linear(8, 8), nn.PReLU(8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.head(self.features(x).mean((2, 3)))
        return y / y.pow(2).sum(1, keepdim=True).sqrt().clamp(min=1e-6)


class CycleGan(nn.Module):
    """A generator: reflected borders, instance norms, down and up again."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.ReflectionPad2d(3), nn.Conv2d(3, 6, 7), nn.InstanceNorm2d(6), nn.ReLU(),
            nn.Conv2d(6, 6, 3, 2, 1), nn.ReflectionPad2d(1), nn.Conv2d(6, 6, 3), nn.ReLU(),
            nn.ConvTranspose2d(6, 6, 3, 2, 1, output_padding=1), nn.ReflectionPad2d(3),
            nn.Conv2d(6, 3, 7), nn.Tanh(),
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x)

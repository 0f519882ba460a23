# paddle is not installed where types are checked
# mypy: disable-error-code="misc, import-not-found, no-any-return, unused-ignore, no-untyped-call"
# mypy: disable-error-code="valid-type, attr-defined, var-annotated"
"""Small networks of the families that PaddleOCR, PaddleSeg and PaddleDetection are made of."""

from __future__ import annotations

from itertools import pairwise

import paddle
from paddle import nn
from paddle.nn import functional as F

Tensor = paddle.Tensor


def conv_bn(inside: int, outside: int, size: int = 3, stride: int = 1, groups: int = 1, act=None):  # type: ignore[no-untyped-def]
    """Convolution, batch norm and an activation, as all of them have it."""
    conv = nn.Conv2D(inside, outside, size, stride, size // 2, groups=groups, bias_attr=False)
    return nn.Sequential(conv, nn.BatchNorm2D(outside), *([] if act is None else [act()]))


def enlarged(x: Tensor, factor: int) -> Tensor:
    """To the nearest neighbour; by size, as paddle2onnx 2.1.0 cannot read scales."""
    return F.interpolate(x, paddle.shape(x)[2:] * factor, mode="nearest")


class Squeeze(nn.Layer):
    """Squeeze and excitation with Paddle's hard sigmoid (slope 0.2)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2D(1)
        self.less = nn.Conv2D(channels, channels // 4, 1)
        self.more = nn.Conv2D(channels // 4, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        gate = self.more(F.relu(self.less(self.pool(x))))
        return x * F.hardsigmoid(gate, slope=0.2, offset=0.5)


class LCNet(nn.Layer):
    """Classifier of depthwise convolutions (PP-LCNet)."""

    def __init__(self) -> None:
        super().__init__()
        act = nn.Hardswish
        self.body = nn.Sequential(
            conv_bn(3, 8, 3, 2, act=act),
            conv_bn(8, 8, 3, 1, 8, act), conv_bn(8, 16, 1, act=act),
            conv_bn(16, 16, 5, 2, 16, act), Squeeze(16), conv_bn(16, 24, 1, act=act),
        )  # fmt: skip
        self.pool, self.flat = nn.AdaptiveAvgPool2D(1), nn.Flatten()
        self.drop, self.head = nn.Dropout(0.2), nn.Linear(24, 10)

    def forward(self, image: Tensor) -> Tensor:
        return F.softmax(self.head(self.drop(self.flat(self.pool(self.body(image))))))


class CRNN(nn.Layer):
    """Recogniser of text lines: convolutions, two-directional LSTMs, letters by column."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv_bn(3, 8, act=nn.ReLU), nn.MaxPool2D(2, 2),
            conv_bn(8, 16, act=nn.ReLU), nn.MaxPool2D((2, 1), (2, 1)),
            nn.Conv2D(16, 16, (8, 1)),
        )  # fmt: skip
        self.lstm = nn.LSTM(16, 12, num_layers=2, direction="bidirectional")
        self.head = nn.Linear(24, 20)

    def forward(self, image: Tensor) -> Tensor:
        columns = self.body(image).squeeze(2).transpose([0, 2, 1])
        return F.softmax(self.head(self.lstm(columns)[0]), axis=2)


class Mixer(nn.Layer):
    """Self-attention and a perceptron, each behind a layer norm."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.scale = heads, (width // heads) ** -0.5
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width, epsilon=1e-6)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        count, width = x.shape[1], x.shape[2]
        mixed = self.qkv(self.norm1(x)).reshape([0, count, 3, self.heads, width // self.heads])
        q, k, v = mixed.transpose([2, 0, 3, 1, 4]).unbind(0)
        weights = q.matmul(k.transpose([0, 1, 3, 2])) * self.scale
        weights = F.softmax(weights if mask is None else weights + mask, axis=-1)
        joined = weights.matmul(v).transpose([0, 2, 1, 3]).reshape([0, count, width])
        x = x + self.out(joined)
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class SVTR(nn.Layer):
    """Recogniser of text lines without recurrence."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Sequential(
            conv_bn(3, 8, 3, 2, act=nn.GELU), conv_bn(8, 16, 3, 2, act=nn.GELU)
        )
        self.position = self.create_parameter([1, 8 * 16, 16])
        self.blocks = nn.LayerList([Mixer(16, 4), Mixer(16, 4)])
        self.merge, self.norm = nn.Conv2D(16, 24, 3, (2, 1), 1), nn.LayerNorm(24)
        self.pool, self.head = nn.AdaptiveAvgPool2D((1, 16)), nn.Linear(24, 20)

    def forward(self, image: Tensor) -> Tensor:
        tokens = self.embed(image).flatten(2).transpose([0, 2, 1]) + self.position
        for block in self.blocks:
            tokens = block(tokens)
        merged = self.merge(tokens.transpose([0, 2, 1]).reshape([0, 16, 8, 16]))
        merged = self.norm(merged.flatten(2).transpose([0, 2, 1]))
        merged = self.pool(merged.transpose([0, 2, 1]).reshape([0, 24, 4, 16]))
        return F.softmax(self.head(merged.squeeze(2).transpose([0, 2, 1])), axis=2)


class DB(nn.Layer):
    """Detector of text: feature pyramid by nearest neighbours, transposed convolutions."""

    def __init__(self) -> None:
        super().__init__()
        widths = (3, 8, 12, 16)
        self.stages = nn.LayerList([conv_bn(a, b, 3, 2, act=nn.ReLU) for a, b in pairwise(widths)])
        self.sides = nn.LayerList([nn.Conv2D(b, 8, 1, bias_attr=False) for b in widths[1:]])
        self.smooth = nn.LayerList([nn.Conv2D(8, 4, 3, padding=1) for _ in widths[1:]])
        self.head = nn.Sequential(
            conv_bn(12, 4, act=nn.ReLU), nn.Conv2DTranspose(4, 1, 2, 2), nn.Sigmoid()
        )

    def forward(self, image: Tensor) -> Tensor:
        found = []
        for stage in self.stages:
            found.append(stage(found[-1] if found else image))
        sides = [self.sides[at](x) for at, x in enumerate(found)]
        for at in (1, 0):
            sides[at] = sides[at] + enlarged(sides[at + 1], 2)
        parts = [self.smooth[at](x) for at, x in enumerate(sides)]
        parts = [enlarged(x, 2**at) if at else x for at, x in enumerate(parts)]
        return self.head(paddle.concat(parts, axis=1))


class LiteSeg(nn.Layer):
    """Segmentation: resized to the size of other features, spatial attention, classes."""

    def __init__(self) -> None:
        super().__init__()
        self.low = conv_bn(3, 8, 3, 2, act=nn.ReLU)
        self.high = conv_bn(8, 8, 3, 2, act=nn.ReLU)
        self.gate, self.head = conv_bn(4, 1, act=nn.Sigmoid), nn.Conv2D(8, 5, 1)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        low = self.low(image)
        pooled = F.adaptive_avg_pool2d(self.high(low), 1)
        context = F.interpolate(pooled, paddle.shape(low)[2:], mode="bilinear")
        kinds = [context.mean(1, True), context.max(1, True), low.mean(1, True), low.max(1, True)]
        gate = self.gate(paddle.concat(kinds, axis=1))
        scores = self.head(context * gate + low * (1 - gate))
        scores = F.interpolate(scores, paddle.shape(image)[2:], mode="bilinear", align_corners=True)
        return scores, scores.argmax(1)


class Yolo(nn.Layer):
    """Detector: swish, an average-pooled gate, nearest up-sampling, distances as a distribution."""

    def __init__(self) -> None:
        super().__init__()
        self.one = conv_bn(3, 8, 3, 2, act=nn.Swish)
        self.two = conv_bn(8, 16, 3, 2, act=nn.Swish)
        self.gate, self.up = nn.Conv2D(16, 16, 1), conv_bn(16, 8, 1, act=nn.Swish)
        self.scores = nn.LayerList([nn.Conv2D(c, 4, 3, padding=1) for c in (16, 16)])
        self.sides = nn.LayerList([nn.Conv2D(c, 4 * 8, 3, padding=1) for c in (16, 16)])
        self.register_buffer("steps", paddle.arange(8, dtype="float32").reshape([1, 8, 1, 1]))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        low = self.one(image)
        high = self.two(low)
        high = high * F.sigmoid(self.gate(F.adaptive_avg_pool2d(high, 1)))
        wide = paddle.concat([enlarged(self.up(high), 2), low], axis=1)
        scores, boxes = [], []
        for at, x in enumerate((wide, high)):
            height, width = x.shape[2], x.shape[3]
            scores.append(F.sigmoid(self.scores[at](x)).flatten(2))
            sides = self.sides[at](x).reshape([-1, 4, 8, height * width]).transpose([0, 2, 1, 3])
            sides = (F.softmax(sides, axis=1) * self.steps).sum(1)
            grid_y, grid_x = paddle.meshgrid(
                paddle.arange(height, dtype="float32"), paddle.arange(width, dtype="float32")
            )
            centres = paddle.stack([grid_x, grid_y]).reshape([1, 2, -1]) + 0.5
            boxes.append(paddle.concat([centres - sides[:, :2], centres + sides[:, 2:]], axis=1))
        return paddle.concat(scores, axis=2), paddle.concat(boxes, axis=2).transpose([0, 2, 1])


class Ernie(nn.Layer):
    """Encoder of text; what is padding is masked."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(50, 16), nn.Embedding(32, 16)
        self.norm = nn.LayerNorm(16)
        self.blocks = nn.LayerList([Mixer(16, 2), Mixer(16, 2)])
        self.pooler, self.head = nn.Linear(16, 16), nn.Linear(16, 3)

    def forward(self, tokens: Tensor) -> Tensor:
        mask = (tokens == 0).astype("float32").unsqueeze([1, 2]) * -1e4
        places = paddle.cumsum(paddle.ones_like(tokens), axis=1) - 1
        x = self.norm(self.words(tokens) + self.places(places))
        for block in self.blocks:
            x = block(x, mask)
        return self.head(F.tanh(self.pooler(x[:, 0])))


class Style(nn.Layer):
    """Image to image: reflected borders, instance norms, residuals, leaky rectifiers."""

    def __init__(self) -> None:
        super().__init__()
        self.into = nn.Sequential(
            nn.Pad2D(3, mode="reflect"), nn.Conv2D(3, 8, 7), nn.InstanceNorm2D(8), nn.ReLU(),
            nn.Conv2D(8, 12, 3, 2, 1), nn.InstanceNorm2D(12), nn.LeakyReLU(0.2),
        )  # fmt: skip
        self.again = nn.Sequential(
            nn.Pad2D(1, mode="reflect"), nn.Conv2D(12, 12, 3), nn.GroupNorm(3, 12)
        )
        self.out = nn.Sequential(
            nn.Conv2DTranspose(12, 8, 3, 2, 1, output_padding=1), nn.InstanceNorm2D(8), nn.ReLU(),
            nn.Conv2D(8, 3, 3, padding=1), nn.Tanh(),
        )  # fmt: skip

    def forward(self, image: Tensor) -> Tensor:
        x = self.into(image)
        return self.out(x + F.silu(self.again(x)))

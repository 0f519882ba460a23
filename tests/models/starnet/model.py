"""StarNet_MobileNetV3, text recognition: TPS, MobileNetV3 small, two BiLSTM layers, CTC head.

The structure follows PaddleOCR's ``rec_mv3_tps_bilstm_ctc``; only the channel counts are smaller,
so that an exported file stays below one megabyte.
"""

from __future__ import annotations

import numpy as np
import paddle
from paddle import nn
from paddle.nn import functional as F

HEIGHT, WIDTH = 32, 100
FIDUCIALS = 20
CLASSES = 37


class ConvBN(nn.Layer):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        stride: int | tuple[int, int] = 1,
        groups: int = 1,
        act: str | None = None,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2D(
            in_channels,
            out_channels,
            kernel,
            stride,
            padding=(kernel - 1) // 2,
            groups=groups,
            bias_attr=False,
        )
        self.bn = nn.BatchNorm2D(out_channels)
        self.act = act

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        x = self.bn(self.conv(x))
        if self.act is None:
            return x
        return F.hardswish(x) if self.act == "hardswish" else F.relu(x)


class LocalizationNet(nn.Layer):
    """Where the fiducial points of the straightened picture lie in the input picture."""

    def __init__(self) -> None:
        super().__init__()
        blocks: list[nn.Layer] = []
        channels = (3, 8, 16, 32, 64)
        for i in range(4):
            blocks.append(ConvBN(channels[i], channels[i + 1], 3, act="relu"))
            blocks.append(nn.AdaptiveAvgPool2D(1) if i == 3 else nn.MaxPool2D(2, 2))
        self.blocks = nn.Sequential(*blocks)
        self.fc1 = nn.Linear(64, 32)
        self.fc2 = nn.Linear(32, FIDUCIALS * 2)

    def features(self, x: paddle.Tensor) -> paddle.Tensor:
        batch = x.shape[0]
        x = self.blocks(x).reshape([batch, -1])
        return F.relu(self.fc1(x))

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return self.fc2(self.features(x)).reshape([-1, FIDUCIALS, 2])

    @staticmethod
    def initial_fiducials() -> np.ndarray:
        """The slanted start of the RARE paper, figure 6 (a); upstream uses the same."""
        x = np.linspace(-1.0, 1.0, FIDUCIALS // 2)
        top = np.stack([x, np.linspace(0.0, -1.0, FIDUCIALS // 2)], axis=1)
        bottom = np.stack([x, np.linspace(1.0, 0.0, FIDUCIALS // 2)], axis=1)
        return np.concatenate([top, bottom])


def fiducials() -> np.ndarray:
    """C: the fiducial points in the straightened picture."""
    x = np.linspace(-1.0, 1.0, FIDUCIALS // 2)
    return np.concatenate([np.stack([x, -np.ones_like(x)], 1), np.stack([x, np.ones_like(x)], 1)])


def inv_delta_c() -> np.ndarray:
    """Computed here and baked into the graph: paddle2onnx has no converter for paddle.inverse."""
    c = fiducials()
    distance = np.linalg.norm(c[:, None] - c[None], axis=2) + np.eye(FIDUCIALS)
    kernel = distance**2 * np.log(distance)
    delta = np.zeros((FIDUCIALS + 3, FIDUCIALS + 3))
    delta[:FIDUCIALS, 0] = 1.0
    delta[:FIDUCIALS, 1:3] = c
    delta[:FIDUCIALS, 3:] = kernel
    delta[FIDUCIALS : FIDUCIALS + 2, 3:] = c.T
    delta[FIDUCIALS + 2, 3:] = 1.0
    return np.linalg.inv(delta)


class GridGenerator(nn.Layer):
    """The thin-plate spline, in float64 like upstream: sampling points from fiducial points."""

    def __init__(self) -> None:
        super().__init__()
        # Always zero: upstream spells the three zero rows below C' as a frozen linear layer.
        zero = paddle.ParamAttr(initializer=nn.initializer.Constant(0.0))
        self.fc = nn.Linear(FIDUCIALS * 2, 6, weight_attr=zero, bias_attr=zero)
        self.inv_delta_c = inv_delta_c()

    def forward(self, c_prime: paddle.Tensor) -> paddle.Tensor:
        c = self.build_c()
        p_hat = self.build_p_hat(c, self.build_p()).astype("float32")
        inverse = paddle.to_tensor(self.inv_delta_c).astype("float32")
        batch = c_prime.shape[0]
        rows = self.fc(c_prime.reshape([batch, FIDUCIALS * 2])).reshape([-1, 3, 2])
        t = paddle.matmul(inverse, paddle.concat([c_prime, rows], axis=1))
        return paddle.matmul(p_hat, t)

    def build_c(self) -> paddle.Tensor:
        x = paddle.linspace(-1.0, 1.0, FIDUCIALS // 2, dtype="float64")
        y = paddle.ones([FIDUCIALS // 2], dtype="float64")
        return paddle.concat([paddle.stack([x, -1 * y], 1), paddle.stack([x, y], 1)])

    def build_p(self) -> paddle.Tensor:
        x = (paddle.arange(-WIDTH, WIDTH, 2, dtype="float64") + 1.0) / WIDTH
        y = (paddle.arange(-HEIGHT, HEIGHT, 2, dtype="float64") + 1.0) / HEIGHT
        p = paddle.stack(paddle.meshgrid(x, y), axis=2)
        return paddle.transpose(p, [1, 0, 2]).reshape([-1, 2])

    def build_p_hat(self, c: paddle.Tensor, p: paddle.Tensor) -> paddle.Tensor:
        points = p.shape[0]
        difference = paddle.tile(p.unsqueeze(1), (1, FIDUCIALS, 1)) - c.unsqueeze(0)
        norm = paddle.norm(difference, p=2, axis=2)
        rbf = paddle.square(norm) * paddle.log(norm + 1e-6)
        return paddle.concat([paddle.ones([points, 1], dtype="float64"), p, rbf], axis=1)


class TPS(nn.Layer):
    """Straightens the picture.

    With ``placeholder`` the sampling is replaced in the way of Ascend's ModelZoo, whose patches
    plant ops of the same output shape that opset 11 can express. The additions of zero between two
    transpositions only give the nodes around the placeholder a stable place in the graph.
    """

    def __init__(self, placeholder: bool) -> None:
        super().__init__()
        self.placeholder = placeholder
        self.localization = LocalizationNet()
        self.grid_generator = GridGenerator()

    def forward(self, image: paddle.Tensor) -> paddle.Tensor:
        grid = self.grid_generator(self.localization(image)).reshape([-1, HEIGHT, WIDTH, 2])
        if not self.placeholder:
            return F.grid_sample(image, grid)
        image = add_zero(image, [0, 1, 3, 2])
        grid = add_zero(grid, [0, 2, 1, 3])
        # One more coordinate makes three channels of two: the shape of the sampled picture.
        planted = paddle.transpose(F.pad(grid, [1, 0, 0, 0]), [0, 3, 1, 2]) + image
        return add_zero(planted, [0, 1, 3, 2])


def add_zero(x: paddle.Tensor, perm: list[int]) -> paddle.Tensor:
    x = paddle.transpose(x, perm)
    x = x + paddle.zeros([1, *x.shape[1:]], dtype="float32")
    return paddle.transpose(x, perm)


class SqueezeExcite(nn.Layer):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2D(1)
        self.conv1 = nn.Conv2D(channels, channels // 4, 1)
        self.conv2 = nn.Conv2D(channels // 4, channels, 1)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        scale = F.relu(self.conv1(self.pool(x)))
        return x * F.hardsigmoid(self.conv2(scale), slope=0.2, offset=0.5)


class ResidualUnit(nn.Layer):
    def __init__(
        self,
        in_channels: int,
        mid_channels: int,
        out_channels: int,
        kernel: int,
        stride: int | tuple[int, int],
        squeeze: bool,
        act: str,
    ) -> None:
        super().__init__()
        self.shortcut = stride == 1 and in_channels == out_channels
        self.expand = ConvBN(in_channels, mid_channels, 1, act=act)
        self.depthwise = ConvBN(mid_channels, mid_channels, kernel, stride, mid_channels, act)
        self.squeeze = SqueezeExcite(mid_channels) if squeeze else None
        self.project = ConvBN(mid_channels, out_channels, 1)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        y = self.depthwise(self.expand(x))
        if self.squeeze is not None:
            y = self.squeeze(y)
        y = self.project(y)
        return x + y if self.shortcut else y


def divisible(channels: float) -> int:
    """MobileNet's rounding to a multiple of eight that loses at most a tenth."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


class MobileNetV3Small(nn.Layer):
    SCALE = 0.25
    BLOCKS = (
        # kernel, expansion, channels, squeeze-excite, activation, stride
        (3, 16, 16, True, "relu", 1),
        (3, 72, 24, False, "relu", (2, 1)),
        (3, 88, 24, False, "relu", 1),
        (5, 96, 40, True, "hardswish", (2, 1)),
        (5, 240, 40, True, "hardswish", 1),
        (5, 240, 40, True, "hardswish", 1),
        (5, 120, 48, True, "hardswish", 1),
        (5, 144, 48, True, "hardswish", 1),
        (5, 288, 96, True, "hardswish", (2, 1)),
        (5, 576, 96, True, "hardswish", 1),
        (5, 576, 96, True, "hardswish", 1),
    )

    def __init__(self) -> None:
        super().__init__()
        channels = divisible(16 * self.SCALE)
        self.conv1 = ConvBN(3, channels, 3, stride=2, act="hardswish")
        blocks = []
        for kernel, expansion, out, squeeze, act, stride in self.BLOCKS:
            mid, out = divisible(expansion * self.SCALE), divisible(out * self.SCALE)
            blocks.append(ResidualUnit(channels, mid, out, kernel, stride, squeeze, act))
            channels = out
        self.blocks = nn.Sequential(*blocks)
        self.out_channels = divisible(576 * self.SCALE)
        self.conv2 = ConvBN(channels, self.out_channels, 1, act="hardswish")
        self.pool = nn.MaxPool2D(2, 2)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return self.pool(self.conv2(self.blocks(self.conv1(x))))


class StarNet(nn.Layer):
    HIDDEN = 32

    def __init__(self, placeholder: bool = False) -> None:
        super().__init__()
        self.tps = TPS(placeholder)
        self.backbone = MobileNetV3Small()
        self.lstm = nn.LSTM(
            self.backbone.out_channels, self.HIDDEN, num_layers=2, direction="bidirectional"
        )
        self.head = nn.Linear(2 * self.HIDDEN, CLASSES)

    def sequence(self, x: paddle.Tensor) -> paddle.Tensor:
        x = self.backbone(self.tps(x))
        x = paddle.transpose(x.squeeze(axis=2), [0, 2, 1])
        return self.lstm(x)[0]

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        logits = self.head(self.sequence(x))
        return logits if self.training else F.softmax(logits, axis=2)

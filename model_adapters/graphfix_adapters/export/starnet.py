"""Export StarNet or RARE (text recognition) from Paddle by paddle2onnx.

Runs by itself, in any interpreter with Paddle; graphfix need not be there.
Networks: Liu et al., STAR-Net (2016), and Shi et al., RARE (2016), as PaddleOCR's
rec_mv3_tps_bilstm_ctc, rec_mv3_tps_bilstm_att and their siblings with r34_vd have them: a
thin-plate spline straightens the picture, then MobileNetV3 or ResNet34-vd, two bidirectional LSTM
layers, and scores for CTC or a decoder with attention. ``--upstream`` takes a checkout of PaddleOCR
instead of the networks written here.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import paddle
import paddle2onnx
from paddle import nn
from paddle.nn import functional as F

HEIGHT, WIDTH = 32, 100
FIDUCIALS = 20
CHARACTERS = 36
"""Digits and letters."""


@dataclass(frozen=True)
class Size:
    """What the configurations differ by."""

    backbone: Callable[[], nn.Layer]
    localization: tuple[int, int, int, int]
    """Channels of the network that places the fiducial points."""
    localization_hidden: int
    hidden: int
    """Of the LSTM in each direction, and of the decoder with attention."""
    steps: int
    """Of the decoder with attention: the length of the longest text."""


class ConvBN(nn.Layer):
    def __init__(
        self,
        inside: int,
        outside: int,
        kernel: int,
        stride: int | Sequence[int] = 1,
        groups: int = 1,
        act: str | None = None,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2D(
            inside,
            outside,
            kernel,
            stride,
            padding=(kernel - 1) // 2,
            groups=groups,
            bias_attr=False,
        )
        self.bn = nn.BatchNorm2D(outside)
        self.act = act

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        x = self.bn(self.conv(x))
        if self.act is None:
            return x
        return F.hardswish(x) if self.act == "hardswish" else F.relu(x)


class LocalizationNetwork(nn.Layer):
    """Where the fiducial points of the straightened picture lie in the input picture."""

    def __init__(self, channels: Sequence[int], hidden: int) -> None:
        super().__init__()
        self.steps = []
        for k, (inside, outside) in enumerate(zip((3, *channels), channels)):
            conv = self.add_sublayer(f"loc_conv{k}", ConvBN(inside, outside, 3, act="relu"))
            last = k == len(channels) - 1
            self.steps += [conv, nn.AdaptiveAvgPool2D(1) if last else nn.MaxPool2D(2, 2)]
        self.fc1 = nn.Linear(channels[-1], hidden)
        self.fc2 = nn.Linear(hidden, FIDUCIALS * 2)

    def features(self, x: paddle.Tensor) -> paddle.Tensor:
        batch = x.shape[0]
        for step in self.steps:
            x = step(x)
        return F.relu(self.fc1(x.reshape([batch, -1])))

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
    """Straightens the picture."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.sample = F.grid_sample
        self.loc_net = LocalizationNetwork(size.localization, size.localization_hidden)
        self.grid_generator = GridGenerator()

    def forward(self, image: paddle.Tensor) -> paddle.Tensor:
        grid = self.grid_generator(self.loc_net(image)).reshape([-1, HEIGHT, WIDTH, 2])
        return self.sample(image, grid)


def planted(x: paddle.Tensor, grid: paddle.Tensor) -> paddle.Tensor:
    """The placeholder of Ascend's ModelZoo for ``grid_sample``: its shape, in ops of opset 11.

    The additions of zero between two transpositions only give the nodes around the placeholder a
    stable place in the graph.
    """
    x = add_zero(x, [0, 1, 3, 2])
    grid = add_zero(grid, [0, 2, 1, 3])
    # One more coordinate makes three channels of two: the shape of the sampled picture.
    result = paddle.transpose(F.pad(grid, [1, 0, 0, 0]), [0, 3, 1, 2]) + x
    return add_zero(result, [0, 1, 3, 2])


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
        inside: int,
        middle: int,
        outside: int,
        kernel: int,
        stride: int | tuple[int, int],
        squeeze: bool,
        act: str,
    ) -> None:
        super().__init__()
        self.shortcut = stride == 1 and inside == outside
        self.expand_conv = ConvBN(inside, middle, 1, act=act)
        self.bottleneck_conv = ConvBN(middle, middle, kernel, stride, middle, act)
        self.mid_se = SqueezeExcite(middle) if squeeze else None
        self.linear_conv = ConvBN(middle, outside, 1)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        y = self.bottleneck_conv(self.expand_conv(x))
        if self.mid_se is not None:
            y = self.mid_se(y)
        y = self.linear_conv(y)
        return x + y if self.shortcut else y

    def temper(self) -> None:
        """Random weights: what is added again and again must not grow."""
        if self.shortcut:
            self.linear_conv.bn.weight.set_value(0.5 * self.linear_conv.bn.weight)
        if self.mid_se is not None:
            # Eight products of features in a row would make a few pictures far too loud.
            self.mid_se.conv2.weight.set_value(0.3 * self.mid_se.conv2.weight)


def divisible(channels: float) -> int:
    """MobileNet's rounding to a multiple of eight that loses at most a tenth."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


SMALL = (
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
"""Howard et al., Searching for MobileNetV3 (2019), table 2; strides for lines of text."""

LARGE = (
    (3, 16, 16, False, "relu", 1),
    (3, 64, 24, False, "relu", (2, 1)),
    (3, 72, 24, False, "relu", 1),
    (5, 72, 40, True, "relu", (2, 1)),
    (5, 120, 40, True, "relu", 1),
    (5, 120, 40, True, "relu", 1),
    (3, 240, 80, False, "hardswish", 1),
    (3, 200, 80, False, "hardswish", 1),
    (3, 184, 80, False, "hardswish", 1),
    (3, 184, 80, False, "hardswish", 1),
    (3, 480, 112, True, "hardswish", 1),
    (3, 672, 112, True, "hardswish", 1),
    (5, 672, 160, True, "hardswish", (2, 1)),
    (5, 960, 160, True, "hardswish", 1),
    (5, 960, 160, True, "hardswish", 1),
)
"""The same, table 1."""


class MobileNetV3(nn.Layer):
    def __init__(self, table: Sequence[tuple], last: int, scale: float) -> None:
        super().__init__()
        channels = divisible(16 * scale)
        self.conv1 = ConvBN(3, channels, 3, stride=2, act="hardswish")
        blocks = []
        for kernel, expansion, out, squeeze, act, stride in table:
            middle, out = divisible(expansion * scale), divisible(out * scale)
            blocks.append(ResidualUnit(channels, middle, out, kernel, stride, squeeze, act))
            channels = out
        self.blocks = nn.Sequential(*blocks)
        self.out_channels = divisible(last * scale)
        self.conv2 = ConvBN(channels, self.out_channels, 1, act="hardswish")
        self.pool = nn.MaxPool2D(2, 2)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return self.pool(self.conv2(self.blocks(self.conv1(x))))


class BasicBlock(nn.Layer):
    """Two 3x3 convolutions; the way around them pools (He et al., Bag of Tricks, 2018)."""

    def __init__(self, inside: int, outside: int, stride: tuple[int, int], changes: bool) -> None:
        super().__init__()
        self.conv0 = ConvBN(inside, outside, 3, stride, act="relu")
        self.conv1 = ConvBN(outside, outside, 3)
        around = [nn.AvgPool2D(stride, stride, ceil_mode=True)] if stride != (1, 1) else []
        self.short = nn.Sequential(*around, ConvBN(inside, outside, 1)) if changes else None

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return F.relu(self.conv1(self.conv0(x)) + (x if self.short is None else self.short(x)))

    def temper(self) -> None:
        """Random weights: what is added again and again must not grow."""
        self.conv1.bn.weight.set_value(0.5 * self.conv1.bn.weight)


class ResNetVd(nn.Layer):
    """He et al., Deep Residual Learning (2015), 34 layers: three 3x3 at the start, flat strides."""

    def __init__(self, counts: Sequence[int], channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.start = nn.Sequential(
            ConvBN(3, half, 3, act="relu"),
            ConvBN(half, half, 3, act="relu"),
            ConvBN(half, channels, 3, act="relu"),
            nn.MaxPool2D(3, 2, 1),
        )
        inside, blocks = channels, []
        for stage, count in enumerate(counts):
            outside = channels * 2**stage
            for k in range(count):
                stride = (2, 1) if k == 0 and stage else (1, 1)
                blocks.append(BasicBlock(inside, outside, stride, changes=k == 0))
                inside = outside
        self.blocks = nn.Sequential(*blocks)
        self.out_channels = inside
        self.pool = nn.MaxPool2D(2, 2)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return self.pool(self.blocks(self.start(x)))


SIZES = {
    ("mobilenetv3", "full"): Size(
        lambda: MobileNetV3(LARGE, 960, 0.5), (16, 32, 64, 128), 64, 96, 25
    ),
    ("mobilenetv3", "small"): Size(
        lambda: MobileNetV3(SMALL, 576, 0.25), (8, 16, 32, 64), 32, 32, 6
    ),
    ("resnet34", "full"): Size(
        lambda: ResNetVd((3, 4, 6, 3), 64), (64, 128, 256, 512), 256, 256, 25
    ),
    ("resnet34", "small"): Size(lambda: ResNetVd((1, 2, 1, 1), 8), (8, 16, 32, 64), 32, 32, 6),
}
CONFIGURATIONS = {
    ("mobilenetv3", "ctc"): "rec_mv3_tps_bilstm_ctc.yml",
    ("mobilenetv3", "attention"): "rec_mv3_tps_bilstm_att.yml",
    ("resnet34", "ctc"): "rec_r34_vd_tps_bilstm_ctc.yml",
    ("resnet34", "attention"): "rec_r34_vd_tps_bilstm_att.yml",
}


class CTC(nn.Layer):
    """A class for every column; class 0 is the blank."""

    classes = CHARACTERS + 1

    def __init__(self, inside: int, size: Size) -> None:
        super().__init__()
        self.scores = nn.Linear(inside, self.classes)

    def states(self, columns: paddle.Tensor) -> paddle.Tensor:
        return columns

    def forward(self, columns: paddle.Tensor) -> paddle.Tensor:
        return self.scores(columns)


class Attention(nn.Layer):
    """A class for every step of a GRU that attends to columns and hears what it said last.

    Additive attention: Bahdanau et al., Neural Machine Translation by Jointly Learning to Align
    and Translate (2014), section 3. Class 0 is the start, the last one the end.
    """

    classes = CHARACTERS + 2

    def __init__(self, inside: int, size: Size) -> None:
        super().__init__()
        hidden = size.hidden
        self.size = size
        self.of_column = nn.Linear(inside, hidden, bias_attr=False)
        self.of_state = nn.Linear(hidden, hidden)
        self.weight = nn.Linear(hidden, 1, bias_attr=False)
        self.cell = nn.GRUCell(inside + self.classes, hidden)
        self.scores = nn.Linear(hidden, self.classes)

    def step(
        self, columns: paddle.Tensor, state: paddle.Tensor, said: paddle.Tensor
    ) -> paddle.Tensor:
        # Upstream, too, multiplies the columns in every step anew.
        match = paddle.tanh(self.of_column(columns) + self.of_state(state).unsqueeze(1))
        weight = F.softmax(self.weight(match), axis=1)
        seen = paddle.matmul(weight.transpose([0, 2, 1]), columns).squeeze(axis=1)
        heard = F.one_hot(said, self.classes)
        return self.cell(paddle.concat([seen, heard], axis=1), state)[0]

    def states(self, columns: paddle.Tensor) -> paddle.Tensor:
        batch = paddle.shape(columns)[0]
        state = paddle.zeros([batch, self.size.hidden])
        said = paddle.zeros([batch], dtype="int64")
        states = []
        for _ in range(self.size.steps):
            state = self.step(columns, state, said)
            said = self.scores(state).argmax(axis=1)
            states.append(state)
        return paddle.stack(states, axis=1)

    def forward(self, columns: paddle.Tensor) -> paddle.Tensor:
        return self.scores(self.states(columns))


HEADS = {"ctc": CTC, "attention": Attention}


class StarNet(nn.Layer):
    def __init__(self, size: Size, head: str) -> None:
        super().__init__()
        self.transform = TPS(size)
        self.backbone = size.backbone()
        self.lstm = nn.LSTM(
            self.backbone.out_channels, size.hidden, num_layers=2, direction="bidirectional"
        )
        self.head = HEADS[head](2 * size.hidden, size)

    def columns(self, x: paddle.Tensor) -> paddle.Tensor:
        x = self.backbone(self.transform(x))
        x = paddle.transpose(x.squeeze(axis=2), [0, 2, 1])
        return self.lstm(x)[0]

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        logits = self.head(self.columns(x))
        return logits if self.training else F.softmax(logits, axis=2)


def pictures(count: int, rng: np.random.Generator) -> np.ndarray:
    """Smooth random pictures in [-1, 1]: low frequencies, so that a warp moves what is seen.

    White noise will not do. It is the same everywhere, and after two strides nothing is left.
    """
    rows = np.cos(np.pi * np.outer(np.arange(6), (np.arange(HEIGHT) + 0.5) / HEIGHT))
    columns = np.cos(np.pi * np.outer(np.arange(12), (np.arange(WIDTH) + 0.5) / WIDTH))
    weights = rng.normal(size=(count, 3, 6, 12))
    weights *= np.exp(-0.15 * np.arange(6))[:, None] * np.exp(-0.08 * np.arange(12))
    weights[:, :, 0, 0] *= 0.3
    smooth = np.einsum("ncij,ih,jw->nchw", weights, rows, columns)
    return np.tanh(smooth / smooth.std(axis=(1, 2, 3), keepdims=True)).astype(np.float32)


def fit_batch_norm(
    network: StarNet, rounds: int, batch: int, keep: float, rng: np.random.Generator
) -> None:
    """Statistics of random pictures; each round keeps a part of the old ones."""
    norms = [layer for layer in network.sublayers() if isinstance(layer, nn.BatchNorm2D)]
    usual = norms[0]._momentum
    network.train()
    for norm in norms:
        norm._momentum = keep
    for _ in range(rounds):
        network.columns(paddle.to_tensor(pictures(batch, rng)))
    for norm in norms:
        norm._momentum = usual
    network.eval()


def whitening(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean of the features, and the symmetric matrix that gives them unit covariance.

    Directions with less than a tenth of the largest variance keep a part of their smallness:
    blown up fully they would carry rounding errors.
    """
    mean = features.mean(axis=0)
    variance, axes = np.linalg.eigh(np.cov((features - mean).T.astype(np.float64)))
    scale = 1 / np.sqrt(variance.clip(0) + 0.1 * variance.max())
    return mean, axes * scale @ axes.T


def set_linear(layer: nn.Linear, weight: np.ndarray, bias: np.ndarray) -> None:
    layer.weight.set_value(weight.astype(np.float32))
    layer.bias.set_value(bias.astype(np.float32))


def smooth_kernels(network: StarNet, rng: np.random.Generator) -> None:
    """Mostly low-pass filters, as trained ones are: random ones amplify rounding errors."""
    for layer in network.sublayers():
        if not isinstance(layer, nn.Conv2D) or layer.weight.shape[2] == 1:
            continue
        out, inputs, size, _ = layer.weight.shape
        bell = np.hanning(size + 2)[1:-1]
        blur = np.outer(bell, bell) / bell.sum() ** 2
        mix = rng.normal(size=(out, inputs))
        if inputs == 1:
            mix = np.abs(1 + 0.3 * mix)
        detail = 0.3 * rng.normal(size=(out, inputs, size, size)) / size**2
        layer.weight.set_value((mix[:, :, None, None] * blur + detail).astype(np.float32))


def calibrate(
    network: StarNet,
    seed: int,
    rounds: int = 8,
    batch: int = 8,
    keep: float = 0.5,
    reach: float = 0.1,
) -> None:
    """Weights as if trained: the default ones hide what happens to the warp and to the input.

    Few rounds will do: of the statistics at the start 0.4 % stay. The fiducial points move by about
    ``reach`` of half a picture, and farther for pictures of another kind: so far out that little
    of them is seen when it is large.
    """
    rng = np.random.default_rng(seed)
    smooth_kernels(network, rng)
    for block in network.backbone.blocks:
        block.temper()
    places = network.transform.loc_net
    start = places.initial_fiducials().reshape(-1)
    set_linear(places.fc2, np.zeros(places.fc2.weight.shape), start)
    fit_batch_norm(network, rounds, batch, keep, rng)

    # The points move together: shift, stretch, shear, bend. Some of them leave the picture. If each
    # moved on its own, the spline would have large coefficients and float32 large errors.
    mean, white = whitening(places.features(paddle.to_tensor(pictures(16 * batch, rng))).numpy())
    x, y = fiducials().T
    motions = np.stack([np.ones(FIDUCIALS), x, y, x * x, x * y])
    motions = np.einsum("mf,cd->mcfd", motions, np.eye(2)).reshape(-1, FIDUCIALS * 2)
    weight = white @ rng.normal(size=(white.shape[0], len(motions))) @ motions
    weight *= reach / np.sqrt(white.shape[0])
    set_linear(places.fc2, weight, start - mean @ weight)
    fit_batch_norm(network, rounds, batch, keep, rng)

    columns = network.columns(paddle.to_tensor(pictures(8 * batch, rng)))
    states = network.head.states(columns).numpy()
    mean, white = whitening(states.reshape(-1, states.shape[2]))
    classes, rank = network.head.classes, white.shape[0]
    mix = np.linalg.qr(rng.normal(size=(max(rank, classes),) * 2))[0][:rank, :classes]
    weight = white @ mix
    set_linear(network.head.scores, weight, -mean @ weight)


def random_network(given: argparse.Namespace) -> StarNet:
    """The same weights with and without the placeholder, under the same names."""
    paddle.seed(given.seed)
    with paddle.no_grad(), paddle.utils.unique_name.guard():
        network = StarNet(SIZES[given.backbone, given.width], given.head)
        calibrate(network, given.seed)
    if given.placeholder == "true":
        network.transform.sample = planted
    return network


def upstream_network(given: argparse.Namespace) -> nn.Layer:
    """Built by PaddleOCR's own code, from its own configuration."""
    import yaml

    sys.path.insert(0, given.upstream)
    from ppocr.modeling.architectures import build_model  # of the user's checkout
    from ppocr.modeling.transforms import tps

    configuration = Path(
        given.upstream, "configs", "rec", CONFIGURATIONS[given.backbone, given.head]
    )
    architecture = yaml.safe_load(configuration.read_text(encoding="utf-8"))["Architecture"]
    architecture["Head"]["out_channels"] = HEADS[given.head].classes
    # What Ascend's patch loads from a file: the inverse has no converter.
    tps.GridGenerator.build_inv_delta_C_paddle = baked_inverse
    if given.placeholder == "true":
        tps.F.grid_sample = planted
    network = build_model(architecture)
    network.set_state_dict(paddle.load(given.checkpoint))
    return network


def baked_inverse(generator: nn.Layer, points: paddle.Tensor) -> paddle.Tensor:
    return paddle.to_tensor(inv_delta_c())


def export(network: nn.Layer, opset: int, target: Path) -> None:
    network.eval()
    spec = [paddle.static.InputSpec([None, 3, HEIGHT, WIDTH], "float32", name="x")]
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/starnet"
        paddle.jit.save(paddle.jit.to_static(network, input_spec=spec, full_graph=True), path)
        # Without a file name the converter returns its bytes and runs no optimizer over them.
        data = paddle2onnx.export(
            f"{path}.json",
            f"{path}.pdiparams",
            opset_version=opset,
            auto_upgrade_opset=False,
        )
    model = onnx.load_model_from_string(data)
    set_pad_fill(model)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, target)


def set_pad_fill(model: onnx.ModelProto) -> None:
    """Zero, as the network asks for: the converter writes uninitialised memory."""
    constants = {node.output[0]: node for node in model.graph.node if node.op_type == "Constant"}
    for node in model.graph.node:
        if node.op_type == "Pad":
            fill = constants[node.input[2]].attribute[0].t
            fill.CopyFrom(onnx.numpy_helper.from_array(np.zeros((), np.float32), fill.name))


def main() -> None:
    """Read the options and write the model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    weights = parser.add_mutually_exclusive_group(required=True)
    weights.add_argument("--random-weights", action="store_true")
    weights.add_argument("--checkpoint", help="parameters of PaddleOCR; they are unpickled")
    parser.add_argument("--upstream")
    parser.add_argument("--opset", type=int, default=16)
    parser.add_argument("--placeholder", choices=("true", "false"), default="false")
    parser.add_argument("--backbone", choices=("mobilenetv3", "resnet34"), default="mobilenetv3")
    parser.add_argument("--head", choices=sorted(HEADS), default="ctc")
    parser.add_argument("--width", choices=("full", "small"), default="full")
    given = parser.parse_args()
    if bool(given.checkpoint) != bool(given.upstream):
        parser.error("--checkpoint and --upstream go together: PaddleOCR's code reads its weights")
    if given.opset < (11 if given.placeholder == "true" else 16):
        parser.error(f"opset {given.opset}: GridSample needs 16 or more, the placeholder 11")
    network = random_network(given) if given.random_weights else upstream_network(given)
    export(network, given.opset, given.output)
    count = sum(int(np.prod(p.shape)) for p in network.parameters())
    print(f"{count} parameters, opset {given.opset}, placeholder: {given.placeholder}")


if __name__ == "__main__":
    main()

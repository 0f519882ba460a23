"""Build StarNet with calibrated weights and export it twice.

``starnet.onnx`` is the direct export. ``starnet_placeholder.onnx`` has the same weights and
planted ops in place of ``grid_sample``.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import paddle
import paddle2onnx
from model import CLASSES, FIDUCIALS, HEIGHT, WIDTH, StarNet, fiducials

SEED = 2022
ROUNDS = 60
"""BatchNorm keeps 0.9 of its statistics each round: after 60 rounds 0.2 % of the start is left."""


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


def fit_batch_norm(model: StarNet, rng: np.random.Generator) -> None:
    model.train()
    for _ in range(ROUNDS):
        model.sequence(paddle.to_tensor(pictures(32, rng)))
    model.eval()


def whitening(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean of the features, and the symmetric matrix that gives them unit covariance.

    Directions with less than a tenth of the largest variance keep a part of their smallness:
    blown up fully they would carry rounding errors.
    """
    mean = features.mean(axis=0)
    variance, axes = np.linalg.eigh(np.cov((features - mean).T.astype(np.float64)))
    scale = 1 / np.sqrt(variance.clip(0) + 0.1 * variance.max())
    return mean, axes * scale @ axes.T


def set_linear(layer: paddle.nn.Linear, weight: np.ndarray, bias: np.ndarray) -> None:
    layer.weight.set_value(weight.astype(np.float32))
    layer.bias.set_value(bias.astype(np.float32))


def smooth_kernels(model: StarNet, rng: np.random.Generator) -> None:
    """Mostly low-pass filters, as trained ones are: random ones amplify rounding errors."""
    for layer in model.sublayers():
        if not isinstance(layer, paddle.nn.Conv2D) or layer.weight.shape[2] == 1:
            continue
        out, inputs, size, _ = layer.weight.shape
        bell = np.hanning(size + 2)[1:-1]
        blur = np.outer(bell, bell) / bell.sum() ** 2
        mix = rng.normal(size=(out, inputs))
        if inputs == 1:
            mix = np.abs(1 + 0.3 * mix)
        detail = 0.3 * rng.normal(size=(out, inputs, size, size)) / size**2
        layer.weight.set_value((mix[:, :, None, None] * blur + detail).astype(np.float32))


def calibrate(model: StarNet) -> None:
    """Weights as if trained: the default ones hide what happens to the warp and to the input."""
    rng = np.random.default_rng(SEED)
    smooth_kernels(model, rng)
    for block in model.backbone.blocks:
        if block.shortcut:
            block.project.bn.weight.set_value(0.5 * block.project.bn.weight)
        if block.squeeze is not None:
            # Eight products of features in a row would make a few pictures far too loud.
            block.squeeze.conv2.weight.set_value(0.3 * block.squeeze.conv2.weight)
    localization = model.tps.localization
    set_linear(
        localization.fc2,
        np.zeros(localization.fc2.weight.shape),
        localization.initial_fiducials().reshape(-1),
    )
    fit_batch_norm(model, rng)

    # The points move together: shift, stretch, shear, bend. Some of them leave the picture. If each
    # moved on its own, the spline would have large coefficients and float32 large errors.
    mean, white = whitening(localization.features(paddle.to_tensor(pictures(512, rng))).numpy())
    x, y = fiducials().T
    motions = np.stack([np.ones(FIDUCIALS), x, y, x * x, x * y])
    motions = np.einsum("mf,cd->mcfd", motions, np.eye(2)).reshape(-1, FIDUCIALS * 2)
    weight = white @ rng.normal(size=(white.shape[0], len(motions))) @ motions
    weight *= 0.25 / np.sqrt(white.shape[0])
    start = localization.initial_fiducials().reshape(-1)
    set_linear(localization.fc2, weight, start - mean @ weight)
    fit_batch_norm(model, rng)

    sequence = model.sequence(paddle.to_tensor(pictures(256, rng))).numpy()
    mean, white = whitening(sequence.reshape(-1, sequence.shape[2]))
    mix = np.linalg.qr(rng.normal(size=(white.shape[0], white.shape[0])))[0][:, :CLASSES]
    weight = white @ mix
    set_linear(model.head, weight, -mean @ weight)


def build(placeholder: bool = False) -> StarNet:
    # The same parameter names in both forms.
    with paddle.utils.unique_name.guard():
        return StarNet(placeholder)


def export(model: StarNet, opset: int, target: Path) -> None:
    spec = [paddle.static.InputSpec([None, 3, HEIGHT, WIDTH], "float32", name="x")]
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/starnet"
        paddle.jit.save(paddle.jit.to_static(model, input_spec=spec, full_graph=True), path)
        # Without a file name the converter returns its bytes and runs no optimizer over them.
        data = paddle2onnx.export(
            f"{path}.json",
            f"{path}.pdiparams",
            opset_version=opset,
            auto_upgrade_opset=False,
        )
    proto = onnx.load_model_from_string(data)
    set_pad_fill(proto)
    onnx.checker.check_model(proto, full_check=True)
    onnx.save(proto, target)


def set_pad_fill(proto: onnx.ModelProto) -> None:
    """Zero, as the model asks for: the converter writes uninitialised memory as the fill value."""
    constants = {node.output[0]: node for node in proto.graph.node if node.op_type == "Constant"}
    for node in proto.graph.node:
        if node.op_type == "Pad":
            fill = constants[node.input[2]].attribute[0].t
            fill.CopyFrom(onnx.numpy_helper.from_array(np.zeros((), np.float32), fill.name))


def run(path: Path, x: np.ndarray) -> np.ndarray:
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


def check(model: StarNet, direct: Path, placeholder: Path) -> None:
    for batch in (1, 4):
        x = pictures(batch + 1, np.random.default_rng(SEED + batch))
        first, second = x[:-1], x[1:]
        expected = model(paddle.to_tensor(first)).numpy()
        actual = run(direct, first)
        error = np.abs(actual - expected).max()
        by_input = np.abs(actual - run(direct, second)).max(axis=(1, 2)).min()
        by_warp = np.abs(actual - run(placeholder, first)).max(axis=(1, 2)).min()
        print(
            f"batch {batch}: shape {actual.shape}, onnxruntime - paddle {error:.1e}, "
            f"other input {by_input:.3f}, placeholder {by_warp:.3f}"
        )
        if not (error <= 1e-4 and by_input > 0.05 and by_warp > 0.1):
            raise SystemExit("the exported files are not what they should be")


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the two StarNet files.")
    parser.add_argument("folder", type=Path, help="where to write them")
    folder = parser.parse_args().folder
    paddle.seed(SEED)
    with paddle.no_grad():
        model = build()
        calibrate(model)
        planted = build(placeholder=True)
        planted.set_state_dict(model.state_dict())
        planted.eval()
        direct, placeholder = folder / "starnet.onnx", folder / "starnet_placeholder.onnx"
        export(model, 16, direct)
        export(planted, 11, placeholder)
        check(model, direct, placeholder)


if __name__ == "__main__":
    main()

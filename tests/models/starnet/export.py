"""Build StarNet with calibrated weights and export it twice.

``starnet.onnx`` is the direct export. ``starnet_placeholder.onnx`` has the same weights and
planted ops in place of ``grid_sample``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort
import paddle

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "model_adapters" / "graphfix_adapters" / "export"))
import starnet  # noqa: E402  the export script of the adapter, which has the network

SEED = 2022


def build() -> starnet.StarNet:
    """The smallest network, calibrated with more pictures than the adapter takes."""
    paddle.seed(SEED)
    with paddle.no_grad(), paddle.utils.unique_name.guard():
        network = starnet.StarNet(starnet.SIZES["mobilenetv3", "small"], "ctc")
        starnet.calibrate(network, SEED, rounds=60, batch=32, keep=0.9, reach=0.25)
    return network


def run(path: Path, x: np.ndarray) -> np.ndarray:
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


def check(network: starnet.StarNet, direct: Path, placeholder: Path) -> None:
    for batch in (1, 4):
        x = starnet.pictures(batch + 1, np.random.default_rng(SEED + batch))
        first, second = x[:-1], x[1:]
        expected = network(paddle.to_tensor(first)).numpy()
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
    direct, placeholder = folder / "starnet.onnx", folder / "starnet_placeholder.onnx"
    network = build()
    sample = network.transform.sample
    starnet.export(network, 16, direct)
    network.transform.sample = starnet.planted
    starnet.export(network, 11, placeholder)
    network.transform.sample = sample
    check(network, direct, placeholder)


if __name__ == "__main__":
    main()

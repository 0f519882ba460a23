# paddle is not installed where types are checked
# mypy: disable-error-code="misc, import-not-found, no-any-return, unused-ignore, no-untyped-call"
"""Export the corpus's Paddle networks; in an interpreter with Paddle, which needs no graphfix.

``python -m tests.corpus.paddle FOLDER [NAME ...]``, in the checkout.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import paddle
import paddle2onnx
from paddle import nn

from tests.corpus.paddle import networks


@dataclass(frozen=True)
class Case:
    """A network, the shape of its input with -1 for what is dynamic, and opsets."""

    build: Callable[[], nn.Layer]
    shape: Sequence[int]
    opsets: Sequence[int]
    example: Sequence[int]
    tokens: bool = False


CASES = {
    "lcnet": Case(networks.LCNet, (-1, 3, 32, 32), (11, 16), (2, 3, 32, 32)),
    "crnn": Case(networks.CRNN, (-1, 3, 32, 64), (11, 13), (2, 3, 32, 64)),
    "svtr": Case(networks.SVTR, (-1, 3, 32, 64), (13, 17), (2, 3, 32, 64)),
    "db": Case(networks.DB, (1, 3, -1, -1), (11, 13), (1, 3, 48, 64)),
    "liteseg": Case(networks.LiteSeg, (1, 3, -1, -1), (11, 15), (1, 3, 40, 56)),
    "yolo": Case(networks.Yolo, (-1, 3, 32, 32), (13, 16), (2, 3, 32, 32)),
    "ernie": Case(networks.Ernie, (-1, 12), (11, 17), (2, 12), tokens=True),
    "style": Case(networks.Style, (1, 3, 32, 24), (13, 16), (1, 3, 32, 24)),
}


def main() -> None:
    """Write those that are not there yet."""
    parser = argparse.ArgumentParser(prog="python -m tests.corpus.paddle")
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", default=[""], help="beginnings of model names")
    given = parser.parse_args()
    for name, case in CASES.items():
        for opset in case.opsets:
            path = given.folder / f"pp-{name}-paddle{opset}.onnx"
            if path.stem.startswith(tuple(given.names)) and not path.exists():
                print("export", path.stem, flush=True)
                export(case, opset, path)


def export(case: Case, opset: int, path: Path) -> None:
    """Write one model; the weights are the same each time."""
    paddle.seed(0)
    network = case.build()
    _calibrate(network, _example(case))
    dtype = "int64" if case.tokens else "float32"
    spec = [paddle.static.InputSpec(list(case.shape), dtype, "tokens" if case.tokens else "image")]
    with tempfile.TemporaryDirectory() as place:
        saved = f"{place}/network"
        paddle.jit.save(paddle.jit.to_static(network, input_spec=spec, full_graph=True), saved)
        model = paddle2onnx.export(
            f"{saved}.json", f"{saved}.pdiparams", opset_version=opset, auto_upgrade_opset=False
        )
    path.write_bytes(model)


def _example(case: Case) -> paddle.Tensor:
    return paddle.randint(0, 50, case.example) if case.tokens else paddle.randn(case.example)


def _calibrate(network: nn.Layer, example: paddle.Tensor) -> None:
    """Weights that keep the scale of what passes through, and batch norms that have seen it."""
    keep = nn.initializer.KaimingNormal(nonlinearity="linear")
    for part in network.sublayers():
        if isinstance(part, (nn.Conv2D, nn.Conv2DTranspose, nn.Linear)):
            keep(part.weight)
        if isinstance(part, nn.LSTM):
            for weight in part.parameters():
                nn.initializer.Normal(std=0.4)(weight)
        if getattr(part, "bias", None) is not None:
            nn.initializer.Normal(std=0.2)(part.bias)
    network.eval()
    norms = [part for part in network.sublayers() if isinstance(part, nn.BatchNorm2D)]
    for norm in norms:
        norm._momentum = 0.0  # of the last batch alone
        norm.train()
    with paddle.no_grad():
        network(example)
    network.eval()


if __name__ == "__main__":
    main()

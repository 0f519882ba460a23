# torch is not installed where types are checked
# mypy: disable-error-code="misc, import-not-found"
"""What torch's exporters write for recurrent layers, split, turned and unrolled."""

import io
import warnings
from collections import Counter
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
import torch
from torch import nn

from graphfix.model import from_bytes
from graphfix.pipeline import parse
from graphfix.rewrite import PassContext
from graphfix.runners.onnxruntime import Session
from tests import golden

X = torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True)
def seed() -> None:
    """The same weights in every run."""
    torch.manual_seed(0)


class Turned(nn.Module):
    """A layer that reads its sequence backwards."""

    def __init__(self, layer: Any, *, batch_first: bool) -> None:
        super().__init__()
        self.layer = layer(4, 3, batch_first=batch_first)
        self.time = int(batch_first)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y, _ = self.layer(torch.flip(x, [self.time]))
        return torch.flip(y, [self.time])


class Both(nn.Module):
    """Two layers of both directions, and the last states."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.layer = layer(4, 3, num_layers=2, bidirectional=True, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y, last = self.layer(x)
        last = last[0] if isinstance(last, tuple) else last
        return y.mean() + last.reshape(-1)


def exported(module: nn.Module, opset: int, *, dynamo: bool) -> ir.Model:
    file = io.BytesIO()
    more: dict[str, Any] = {"verbose": False} if dynamo else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(), (X,), file, opset_version=opset, dynamo=dynamo,
            input_names=["x"], output_names=["y"], **more,
        )  # fmt: skip
    return from_bytes(file.getvalue())


def rewritten(model: ir.Model, passes: str, module: nn.Module) -> Counter[str]:
    """The operators of ``model`` after ``passes``, which must compute what ``module`` does."""
    model = model.clone()
    for item in parse(f"constants,fold-shapes,{passes}", golden.registry()).passes:
        model = item.run(model, PassContext()).model
    (y,) = Session(model).run({"x": X.numpy()}).values()
    with torch.no_grad():
        np.testing.assert_allclose(np.asarray(y), module(X).numpy(), rtol=1e-4, atol=1e-5)
    return Counter(node.op_type for node in model.graph)


@pytest.mark.parametrize(
    ("opset", "dynamo", "batch_first"),
    [(11, False, False), (17, False, True), (18, True, False), (18, True, True)],
)
def test_slices_around_a_layer_become_its_direction(
    opset: int, batch_first: bool, dynamo: bool
) -> None:
    module = Turned(nn.LSTM, batch_first=batch_first)
    ops = rewritten(exported(module, opset, dynamo=dynamo), "rnn-reverse", module)
    assert (ops["LSTM"], ops["Slice"]) == (1, 0)


@pytest.mark.parametrize(("opset", "dynamo"), [(11, False), (17, False), (18, True)])
@pytest.mark.parametrize("layer", [nn.LSTM, nn.GRU])
def test_both_directions_are_halved_and_unrolled(layer: Any, opset: int, dynamo: bool) -> None:
    name, module = layer.__name__, Both(layer)
    model = exported(module, opset, dynamo=dynamo)
    assert rewritten(model, "rnn-split", module)[name] == 4
    ops = rewritten(model, f"rnn-unroll{{select='op={name}'}}", module)
    assert (ops[name], ops["Sigmoid"] > 0) == (0, True)


@pytest.mark.parametrize("opset", [11, 17])
def test_a_plain_layer_is_unrolled(opset: int) -> None:
    module = Both(nn.RNN)
    ops = rewritten(exported(module, opset, dynamo=False), "rnn-unroll", module)
    assert (ops["RNN"], ops["Tanh"]) == (0, 2 * 2 * 5)

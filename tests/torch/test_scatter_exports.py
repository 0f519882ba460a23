# torch is not installed where types are checked
# mypy: disable-error-code="misc, import-not-found"
"""What torch's exporters write for slice assignments, masks and the best elements."""

import io
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
import torch
from torch import nn

from graphfix.model import from_bytes
from graphfix.pipeline import parse
from graphfix.plugins import load_registry
from graphfix.rewrite import PassContext
from graphfix.runners.onnxruntime import Session

BEFORE = "if-fold,constants,fold-shapes,no-op,cse,prune"


class Range(nn.Module):
    """A part of an axis, beside an open one."""

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        x = x.clone()
        x[:, 1:3] = y
        return x


class Element(nn.Module):
    """One element of the last axis."""

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        x = x.clone()
        x[..., -1] = y[:, 0]
        return x


class Alternating(nn.Module):
    """Positions as transformers encode them."""

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        x = torch.zeros_like(x)
        x[:, 0::2] = torch.sin(y)
        x[:, 1::2] = torch.cos(y)
        return x


class Listed(nn.Module):
    """Some indices of an axis, added to."""

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return x.index_add(1, torch.tensor([2, 0]), y)


class Accumulated(nn.Module):
    """A part of an axis, beside an open one, added to."""

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        rows = torch.arange(x.shape[0])[:, None]
        return x.index_put((rows, torch.tensor([1, 2])), y, accumulate=True)


class Masked(nn.Module):
    """Elements that are written back under their mask, and a number under another."""

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        x = x.clone()
        mask = x > 0
        x[mask] = x[mask] * 2 + 1
        x[x < -1] = 0.0
        return x


class Best(nn.Module):
    """The best along an axis that is not the last one, or all."""

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        values, indices = torch.topk(x, min(3, x.shape[1]), dim=1)
        return torch.gather(x, 1, indices) + values


def export(module: Any, feeds: Sequence[torch.Tensor], opset: int, *, dynamo: bool) -> ir.Model:
    """``module`` with an open first axis."""
    file = io.BytesIO()
    dims: dict[str, Any] = {"dynamic_axes": {"x": {0: "n"}, "y": {0: "n"}}}
    if dynamo:
        shapes = ({0: torch.export.Dim("n")},) * 2
        dims = {"dynamic_shapes": shapes, "verbose": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module, tuple(feeds), file, opset_version=opset, dynamo=dynamo,
            input_names=["x", "y"], output_names=["z"], **dims,
        )  # fmt: skip
    return from_bytes(file.getvalue())


@pytest.mark.parametrize(("opset", "dynamo"), [(11, False), (17, False), (18, True)])
@pytest.mark.parametrize(
    ("module", "name"),
    [
        (Range(), "scatter"),
        (Element(), "scatter"),
        (Alternating(), "scatter"),
        (Listed(), "scatter"),
        (Accumulated(), "scatter"),
        (Masked(), "nonzero"),
        (Best(), "topk"),
    ],
)
def test_what_an_export_does_with_indices(
    module: nn.Module, name: str, opset: int, dynamo: bool
) -> None:
    torch.manual_seed(0)
    model = export(module, (torch.randn(2, 4, 4), torch.randn(2, 2, 4)), opset, dynamo=dynamo)
    for item in parse(f"{BEFORE},{name}", load_registry()).passes:
        result = item.run(model, PassContext())
        model = result.model
    assert result.rewrites
    left = {node.op_type for node in model.graph}
    assert not {"NonZero", "ScatterElements", "ScatterND"} & left
    for count in (2, 3):
        x, y = torch.randn(count, 4, 4), torch.randn(count, 2, 4)
        given = {"x": x.numpy(), "y": y.numpy()}
        feeds = {str(v.name): given[str(v.name)] for v in model.graph.inputs}
        found = np.asarray(Session(model).run(feeds)["z"])
        np.testing.assert_allclose(found, module(x, y).numpy(), rtol=1e-6, atol=1e-6)

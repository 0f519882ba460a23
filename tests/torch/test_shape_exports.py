# torch is not installed where types are checked
# mypy: disable-error-code="misc, import-not-found"
"""Shape arithmetic as torch exports it: what becomes constant, and that nothing else changes."""

import io
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from graphfix.model import from_bytes
from graphfix.rewrite import PassContext, constant_tensor
from graphfix.rewrite.base import Pass
from graphfix.runners.onnxruntime import Session
from graphfix_passes.dynamic_shape import DynamicShape
from graphfix_passes.fold_shapes import FoldShapes
from graphfix_passes.resize_canonical import ResizeCanonical
from graphfix_passes.resize_scales import ResizeScales


class Pyramid(nn.Module):
    """The neck of DBNet: a feature pyramid with Upsamples by fixed factors."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, 2, 1)
        self.down = nn.ModuleList(nn.Conv2d(4, 4, 3, 2, 1) for _ in range(3))
        self.up = nn.ModuleList(nn.Upsample(scale_factor=2, mode="nearest") for _ in range(3))
        self.out = nn.ModuleList(
            nn.Sequential(nn.Conv2d(4, 2, 3, 1, 1), nn.Upsample(scale_factor=k, mode="nearest"))
            for k in (8, 4, 2)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        maps = [self.stem(x)]
        for conv in self.down:
            maps.append(conv(maps[-1]))
        for k in (2, 1, 0):
            maps[k] = maps[k] + self.up[k](maps[k + 1])
        parts = [out(maps[3 - k]) for k, out in enumerate(self.out)]
        return torch.cat([*parts, maps[0]], dim=1)


class Head(nn.Module):
    """A segmentation head that goes back to the size of its input."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        small = self.conv(x)
        return F.interpolate(small, size=x.shape[2:], mode="bilinear", align_corners=False)


class Tokens(nn.Module):
    """Flattening, attention heads and back to a picture."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(4, 12)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, c, h, w = x.shape
        tokens = x.flatten(2).transpose(1, 2)
        q, k, v = self.project(tokens).reshape(n, h * w, 3, 2, 2).permute(2, 0, 3, 1, 4)
        mixed = torch.softmax(q @ k.transpose(-1, -2), -1) @ v
        back = mixed.transpose(1, 2).reshape(n, h * w, c)
        zeros = torch.zeros(n, 1, c)
        return torch.cat((zeros, back), 1).mean(1).view(n, -1)


EXPORTS = (
    ("torchscript", 10),
    ("torchscript", 11),
    ("torchscript", 13),
    ("torchscript", 17),
    ("dynamo", 18),
)


def export(
    module: nn.Module, exporter: str, opset: int, channels: int, step: int, folder: Path
) -> ir.Model:
    """``module`` with dynamic sizes, multiples of ``step`` where the exporter can say so."""
    torch.manual_seed(0)
    example = (torch.randn(2, channels, 64, 96),)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if exporter == "torchscript":
            file = io.BytesIO()
            axes = {"x": {0: "n", 2: "h", 3: "w"}}
            torch.onnx.export(
                module.eval(), example, file, opset_version=opset, dynamo=False,
                input_names=["x"], output_names=["y"], dynamic_axes=axes,
            )  # fmt: skip
            return from_bytes(file.getvalue())
        path = folder / "model.onnx"
        dims = {0: torch.export.Dim("n"), **{k: step * torch.export.Dim(f"d{k}") for k in (2, 3)}}
        torch.onnx.export(
            module.eval(), example, str(path), opset_version=opset, dynamo=True, verbose=False,
            external_data=False, input_names=["x"], output_names=["y"], dynamic_shapes=(dims,),
        )  # fmt: skip
    return from_bytes(onnx.load(path).SerializeToString())


def numbers(model: ir.Model, channels: int, sizes: Sequence[tuple[int, int, int]]) -> list[Any]:
    generator = np.random.default_rng(0)
    session = Session(model)
    feeds = [generator.normal(size=(n, channels, h, w)).astype(np.float32) for n, h, w in sizes]
    return [session.run({"x": x})["y"] for x in feeds]


def run(model: ir.Model, *passes: Pass) -> ir.Model:
    for item in passes:
        model = item.run(model, PassContext()).model
    return model


def counts(model: ir.Model) -> Counter[str]:
    return Counter(node.op_type for node in model.graph)


SIZES = ((1, 64, 96), (2, 128, 32), (3, 32, 160))


@pytest.mark.parametrize(("exporter", "opset"), EXPORTS)
def test_upsamples_by_a_factor_get_constant_scales(
    exporter: str, opset: int, tmp_path: Path
) -> None:
    model = export(Pyramid(), exporter, opset, 3, 32, tmp_path)
    before = numbers(model, 3, SIZES)
    passes = [ResizeScales(optional=True), ResizeCanonical(), FoldShapes()]
    after = run(model, *passes)
    resizes = [node for node in after.graph if node.op_type == "Resize"]
    assert len(resizes) == 6
    for node in resizes:
        scales = constant_tensor(node.inputs[1 if opset == 10 else 2])
        assert scales is not None
        assert scales.numpy().tolist()[-1] in (2.0, 4.0, 8.0)
    assert counts(after)["Shape"] == 0
    for was, now in zip(before, numbers(after, 3, SIZES), strict=True):
        assert np.array_equal(was, now)


@pytest.mark.parametrize(("exporter", "opset"), EXPORTS[1:])
def test_a_head_that_goes_back_to_its_input(exporter: str, opset: int, tmp_path: Path) -> None:
    """Twice the size only if that is even, which only dynamo can say."""
    model = export(Head(), exporter, opset, 3, 2, tmp_path)
    sizes = SIZES if exporter == "dynamo" else (*SIZES, (1, 63, 95))
    before = numbers(model, 3, sizes)
    result = ResizeScales(optional=True).run(model, PassContext())
    assert len(result.rewrites) == (1 if exporter == "dynamo" else 0)
    after = run(result.model, FoldShapes(), ResizeCanonical())
    assert counts(after)["Shape"] == (0 if exporter == "dynamo" else 1)
    for was, now in zip(before, numbers(after, 3, sizes), strict=True):
        assert np.array_equal(was, now)


@pytest.mark.parametrize(("exporter", "opset"), EXPORTS)
def test_shapes_of_reshapes_become_constants(exporter: str, opset: int, tmp_path: Path) -> None:
    model = export(Tokens(), exporter, opset, 4, 1, tmp_path)
    sizes = ((1, 4, 6), (2, 5, 3))
    before = numbers(model, 4, sizes)
    nodes = len(list(model.graph))
    after = run(model, FoldShapes())
    computed = [
        node
        for node in after.graph
        if node.op_type == "Reshape" and constant_tensor(node.inputs[1]) is None
    ]
    assert computed == []
    assert len(list(after.graph)) < nodes
    assert counts(after)["Shape"] <= 1, "the zeros in front have as many rows as the batch"
    for was, now in zip(before, numbers(after, 4, sizes), strict=True):
        assert np.array_equal(was, now)


class Encoder(nn.Module):
    """Patches, a class token, positions, attention by torch's own layer, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, 8, 4, 4)
        self.token = nn.Parameter(torch.randn(1, 1, 8))
        self.positions = nn.Parameter(torch.randn(1, 5, 8))
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.head = nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.patch(x).flatten(2).transpose(1, 2)
        token = self.token.expand(x.shape[0], -1, -1)
        tokens = torch.cat((token, tokens), 1) + self.positions
        return self.head(self.layer(tokens)[:, 0])


class Tagger(nn.Module):
    """An LSTM with zeros to start from, and a linear layer on what was flattened."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(8, 6, 2, batch_first=True, bidirectional=True)
        self.head = nn.Linear(12, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features, _ = self.lstm(x)
        flat = features.reshape(-1, 12)
        return self.head(flat).view(x.shape[0], x.shape[1], 5)


class Segmenter(nn.Module):
    """Down, up again by sizes, and global pooling back to the picture."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        small = self.conv(x)
        pooled = F.adaptive_avg_pool2d(small, 1).expand(-1, -1, small.shape[2], small.shape[3])
        both = torch.cat((small, pooled), 1)
        return F.interpolate(both, size=x.shape[2:], mode="bilinear", align_corners=False)


THAWED: tuple[tuple[type[nn.Module], tuple[int, ...], str, tuple[tuple[int, ...], ...]], ...] = (
    (Encoder, (2, 3, 8, 8), "x:batch,?,?,?", ((2, 3, 8, 8), (1, 3, 8, 8), (5, 3, 8, 8))),
    (Tagger, (2, 3, 8), "x:batch,steps,?", ((2, 3, 8), (1, 3, 8), (4, 7, 8))),
    (Segmenter, (1, 3, 16, 24), "x:n,?,2*h,2*w", ((1, 3, 16, 24), (2, 3, 32, 8), (1, 3, 8, 64))),
)


@pytest.mark.parametrize(("exporter", "opset"), EXPORTS[3:])
@pytest.mark.parametrize(("network", "size", "shape", "sizes"), THAWED)
def test_a_static_export_takes_other_sizes(
    network: type[nn.Module],
    size: tuple[int, ...],
    shape: str,
    sizes: Sequence[tuple[int, ...]],
    exporter: str,
    opset: int,
) -> None:
    torch.manual_seed(0)
    module = network().eval()
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module, (torch.randn(size),), file, opset_version=opset, dynamo=exporter == "dynamo",
            verbose=False, input_names=["x"], output_names=["y"],
        )  # fmt: skip
    frozen = run(from_bytes(file.getvalue()), FoldShapes())
    thawed = run(frozen, DynamicShape(shape=(shape,)))
    for each in sizes:
        x = torch.randn(each)
        found = np.asarray(Session(thawed).run({"x": x.numpy()})["y"])
        with torch.no_grad():
            np.testing.assert_allclose(found, module(x).numpy(), rtol=1e-4, atol=1e-5)

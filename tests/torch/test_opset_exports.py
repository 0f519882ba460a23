# torch is not installed where types are checked
# mypy: disable-error-code="misc, import-not-found"
"""Small typical networks, as torch exports them today, down to the opsets of older compilers."""

import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from graphfix.rewrite.base import PassContext
from graphfix_passes.opset import Opset


class Classifier(nn.Module):
    """Convolutions with squeeze-and-excitation, HardSwish, Mish and GroupNorm."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.Hardswish())
        self.squeeze = nn.Sequential(nn.Conv2d(8, 4, 1), nn.ReLU(), nn.Conv2d(4, 8, 1))
        self.depthwise = nn.Sequential(
            nn.Conv2d(8, 8, 3, 1, 1, groups=8), nn.GroupNorm(2, 8), nn.Mish()
        )
        self.head = nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        x = x * F.hardsigmoid(self.squeeze(x.mean((2, 3), keepdim=True)))
        x = F.adaptive_avg_pool2d(self.depthwise(x), 1).flatten(1)
        return F.softmax(self.head(x), dim=-1)


class Resizes(nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (
            F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False),
            F.interpolate(x, size=(13, 17), mode="bilinear", align_corners=True),
            F.interpolate(x, scale_factor=2.0, mode="nearest"),
            F.interpolate(x, size=(10, 9), mode="bicubic", align_corners=False),
            F.pad(x, (1, 2, 0, 1), mode="reflect"),
            F.pad(x, (1, 1, 1, 1), value=1.5),
        )


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(8, 6, 2, batch_first=True, bidirectional=True)
        self.gru = nn.GRU(12, 5)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        states, _ = self.lstm(x)
        return (states, *self.gru(states.transpose(0, 1)))


class Products(nn.Module):
    """Einsum, Softmax over an inner axis, triangles and reductions."""

    def forward(self, q: torch.Tensor) -> tuple[torch.Tensor, ...]:
        k, v = q * 0.7 + 0.1, torch.sin(q)
        scores = F.softmax(torch.einsum("bhid,bhjd->bhij", q, k) / 2, dim=-2)
        mixed = torch.einsum("bhij,bhjd->bihd", scores, v)
        return (
            mixed,
            scores.masked_fill(torch.tril(torch.ones(5, 5)) == 0, 0.0),
            torch.einsum("bhid->bd", mixed),
            torch.logsumexp(q, dim=1),
            q.amax(dim=(1, 2)),
            torch.var(v, dim=-1),
        )


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(16, 4, 32, activation="gelu", batch_first=True)
        self.norm = nn.LayerNorm([5, 16])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.layer(x))


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(16, 48)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, steps, _ = x.shape
        q, k, v = self.project(x).view(batch, steps, 3, 4, 4).permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return mixed.transpose(1, 2).reshape(batch, steps, 16)


class Elementwise(nn.Module):
    """Operators whose form or types changed: chunks, TopK, integer Clip, comparisons, pooling."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        best = torch.argmax(x, dim=1)
        return (
            x.unsqueeze(1).expand(-1, 3, -1, -1),
            *torch.chunk(x, 3, dim=-1),
            *torch.topk(x, 3, dim=-1),
            torch.clamp(x.to(torch.int64), -1, 2),
            x >= 0.5,
            torch.std(x, dim=-1),
            torch.cumsum(x, 1),
            torch.norm(x, dim=1),
            x.reshape(x.shape[0], -1),
            F.gelu(x, approximate="tanh"),
            F.silu(x),
            F.celu(x),
            torch.pow(x.abs(), 2),
            torch.roll(x, 1, 1),
            x.flip(1),
            F.log_softmax(x, 1),
            F.avg_pool1d(x, 2, 2, 1),
            torch.maximum(x, -x),
            F.glu(x[..., :4], -1),
            F.one_hot(best, 9),
        )


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "classifier": (Classifier, (2, 3, 16, 16)),
    "resizes": (Resizes, (2, 2, 8, 8)),
    "recurrent": (Recurrent, (2, 7, 8)),
    "products": (Products, (2, 3, 5, 4)),
    "encoder": (Encoder, (2, 5, 16)),
    "attention": (Attention, (2, 5, 16)),
    "elementwise": (Elementwise, (2, 4, 6)),
}
EXPORTS = [("torchscript", 17), ("dynamo", 18), ("dynamo", 20), ("dynamo", 23)]


def export(network: str, exporter: str, opset: int, folder: Path) -> onnx.ModelProto:
    torch.manual_seed(0)
    build, shape = NETWORKS[network]
    module, example = build().eval(), (torch.randn(shape),)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if exporter == "torchscript":
            file = io.BytesIO()
            torch.onnx.export(
                module,
                example,
                file,
                opset_version=opset,
                dynamo=False,
                input_names=["x"],
                dynamic_axes={"x": {0: "batch"}},
            )
            return onnx.load_model_from_string(file.getvalue())
        path = folder / "model.onnx"
        torch.onnx.export(
            module,
            example,
            str(path),
            opset_version=opset,
            dynamo=True,
            external_data=False,
            verbose=False,
            dynamic_shapes=({0: torch.export.Dim("batch")},),
        )
    return onnx.load(path)


def run(proto: onnx.ModelProto, x: Any) -> list[Any]:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options)
    return list(session.run(None, {session.get_inputs()[0].name: x}))


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize(("exporter", "opset"), EXPORTS)
def test_export_computes_the_same_in_older_opsets(
    network: str, exporter: str, opset: int, tmp_path: Path
) -> None:
    proto = export(network, exporter, opset, tmp_path)
    assert proto.opset_import[0].version == opset
    shape = NETWORKS[network][1]
    rng = np.random.default_rng(0)
    for to in (11, 13, 16):
        graph = ir.serde.deserialize_model(proto)
        Opset(to=to).run(graph, PassContext())
        after = ir.serde.serialize_model(graph)
        onnx.checker.check_model(after)
        onnx.shape_inference.infer_shapes(after, strict_mode=True, check_type=True)
        for batch in (shape[0], shape[0] + 1):
            x = (1.5 * rng.normal(size=(batch, *shape[1:]))).astype(np.float32)
            for was, now in zip(run(proto, x), run(after, x), strict=True):
                np.testing.assert_allclose(now, was, rtol=1e-4, atol=1e-5)

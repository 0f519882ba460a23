# torch is not installed where types are checked
# mypy: disable-error-code="misc, import-not-found"
"""Networks as torch exports them today, before and after passes for weights and types."""

import io
import warnings
from collections import Counter
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

from graphfix.model import infer_shapes
from graphfix.pipeline import parse
from graphfix.plugins import load_registry
from graphfix.rewrite import PassContext


class Sequences(nn.Module):
    """Convolutions over time with normalization, causal padding, a gate and a residual."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(4, 8, 3, padding=1)
        self.norm = nn.BatchNorm1d(8)
        self.causal = nn.Conv1d(8, 8, 3, dilation=2, groups=2)
        self.up = nn.ConvTranspose1d(8, 4, 4, stride=2, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.max_pool1d(F.relu(self.norm(self.first(x))), 2)
        y = self.causal(F.pad(y, (4, 0)))
        y = self.up(y * torch.sigmoid(y))
        return y + F.avg_pool1d(y, 3, 1, 1) + x


class Normalized(nn.Module):
    """BatchNormalization behind ConvTranspose and Linear, and in front of a Linear."""

    def __init__(self) -> None:
        super().__init__()
        self.up, self.norm = nn.ConvTranspose2d(4, 6, 2, 2, bias=False), nn.BatchNorm2d(6)
        self.before, self.linear = nn.BatchNorm1d(6), nn.Linear(6, 5)
        self.steps, self.after = nn.Linear(3, 3), nn.BatchNorm1d(3)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        y = self.norm(self.up(x))
        steps = self.after(self.steps(x.flatten(2)[:, :, :3]).transpose(1, 2)).transpose(1, 2)
        return self.linear(self.before(F.relu(y).mean((2, 3)))), steps


class Positions(nn.Module):
    """Arithmetic on token ids, as for positions and masks of a language model."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(50, 16), nn.Embedding(32, 16)

    def forward(self, ids: torch.Tensor) -> tuple[torch.Tensor, ...]:
        seen = (ids != 0).long()
        place = torch.cumsum(seen, 1) * seen + 1
        place = torch.where(place > 31, torch.full_like(place, 31), place)
        found = self.tokens(ids) + self.places(place)
        return found, found.argmax(-1) + 1


class Frequencies(nn.Module):
    """Sines of float64, as for the embedding of a time."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        powers = torch.arange(8, dtype=torch.float64) / 8.0
        return (x.double()[..., None] * 100.0 ** (-powers)).sin().float()


def _floats(*shape: int) -> torch.Tensor:
    return torch.randn(shape)


def _ids() -> torch.Tensor:
    return torch.arange(20).reshape(2, 10) % 7


_FOLDS = "fold-shapes{optional},bn-fold{optional},pad-fold{optional},conv1d-to-conv2d"
CASES: dict[str, tuple[Callable[[], nn.Module], torch.Tensor, str, dict[str, int]]] = {
    "sequences": (
        Sequences,
        _floats(2, 4, 16),
        _FOLDS,
        {"BatchNormalization": 0, "Pad": 0, "Unsqueeze": 1, "Squeeze": 1},
    ),
    "normalized": (
        Normalized,
        _floats(2, 4, 3, 3),
        "fold-shapes{optional},bn-fold",
        {"BatchNormalization": 0, "Mul": 0},
    ),
    "positions": (Positions, _ids(), "int64-to-int32", {}),
    "frequencies": (Frequencies, _floats(2, 3), "double-to-float", {}),
}
WIDE = {"positions": ir.DataType.INT64, "frequencies": ir.DataType.DOUBLE}
"""The type that no arithmetic may have afterwards."""
ARITHMETIC = (
    "Add",
    "CumSum",
    "Div",
    "Equal",
    "Greater",
    "Mul",
    "Neg",
    "Pow",
    "Sin",
    "Sub",
    "Where",
)


def export(case: str, exporter: str, folder: Path) -> onnx.ModelProto:
    torch.manual_seed(0)
    build, example, _, _ = CASES[case]
    module = build().eval()
    for part in module.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.running_mean.uniform_(-1, 1)
            part.running_var.uniform_(0.5, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if exporter == "dynamo":
            path = folder / "model.onnx"
            torch.onnx.export(
                module,
                (example,),
                str(path),
                opset_version=18,
                dynamo=True,
                external_data=False,
                verbose=False,
            )
            return onnx.load(path)
        file = io.BytesIO()
        torch.onnx.export(
            module,
            (example,),
            file,
            opset_version=13,
            dynamo=False,
            # Otherwise torch itself folds BatchNormalization, as it does in dynamo exports.
            training=torch.onnx.TrainingMode.PRESERVE,
        )
    return onnx.load_model_from_string(file.getvalue())


def run(proto: onnx.ModelProto, x: Any) -> list[Any]:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options)
    return list(session.run(None, {session.get_inputs()[0].name: x}))


@pytest.mark.parametrize("exporter", ["torchscript", "dynamo"])
@pytest.mark.parametrize("case", CASES)
def test_passes_for_weights_and_types(case: str, exporter: str, tmp_path: Path) -> None:
    proto = export(case, exporter, tmp_path)
    _, example, pipeline, counts = CASES[case]
    model = ir.serde.deserialize_model(proto)
    for item in parse(pipeline, load_registry()).passes:
        result = item.run(model, PassContext())
        assert result.rewrites or item.optional, item.name
        model = result.model
    found = Counter(node.op_type for node in model.graph)
    assert {op_type: found[op_type] for op_type in counts} == counts
    infer_shapes(model)
    if case in WIDE:
        computing = [node for node in model.graph if node.op_type in ARITHMETIC]
        assert computing
        types = {
            value.dtype
            for node in computing
            for value in (*node.inputs[:1], *node.outputs)
            if value
        }
        assert WIDE[case] not in types
    x = example.numpy()
    after = run(ir.serde.serialize_model(model), x)
    for old, new in zip(run(proto, x), after, strict=True):
        np.testing.assert_allclose(new, old, rtol=1e-4, atol=1e-5)

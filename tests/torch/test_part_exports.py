# torch is not installed where types are checked
# mypy: disable-error-code="misc, import-not-found"
"""What torch's exporters write where code takes tensors apart: Slices, Gathers, triangles, sums."""

import io
import warnings
from collections import Counter

import numpy as np
import pytest
import torch
from torch import nn

from graphfix.model import from_bytes
from graphfix.rewrite import PassContext
from graphfix.runners.onnxruntime import Session
from graphfix_passes.constants import Constants
from graphfix_passes.cumsum import Cumsum
from graphfix_passes.empty_slice import EmptySlice
from graphfix_passes.gather_elements import GatherElements
from graphfix_passes.gather_to_split import GatherToSplit
from graphfix_passes.slices_to_split import SlicesToSplit
from graphfix_passes.trilu import Trilu


class Apart(nn.Module):
    """Attention under a triangle, a gate, a window that is rolled, the best rows."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(8, 24)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, t, c = x.shape
        qkv = self.project(x).reshape(n, t, 3, 2, 4).permute(2, 0, 3, 1, 4)
        q, k, v = qkv[0], qkv[1], qkv[2]
        mixed = (torch.tril(q @ k.transpose(-1, -2)) @ v).transpose(1, 2).reshape(n, t, c)
        gated = mixed[..., :4] * torch.sigmoid(mixed[..., 4:])
        rolled = torch.roll(torch.cat((gated, x[:, :, 8:]), 2), -2, 1)
        best = rolled.sum(-1).topk(3, 1).indices.unsqueeze(-1).expand(-1, -1, 4)
        return torch.gather(torch.cumsum(rolled, 1), 1, best)


@pytest.mark.parametrize(("opset", "dynamo"), [(17, False), (18, True)])
def test_what_is_taken_apart_has_operators_of_the_ai_core(opset: int, dynamo: bool) -> None:
    torch.manual_seed(0)
    x, module, file = torch.randn(2, 6, 8), Apart().eval(), io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module, (x,), file, opset_version=opset, dynamo=dynamo, input_names=["x"],
            output_names=["y"], **({"verbose": False} if dynamo else {}),
        )  # fmt: skip
    model = from_bytes(file.getvalue())
    for item in (
        Constants(),
        EmptySlice(),
        GatherToSplit(),
        SlicesToSplit(),
        Trilu(),
        Cumsum(),
        GatherElements(),
    ):
        result = item.run(model, PassContext())
        assert result.rewrites or isinstance(item, Constants), item.name
        model = result.model
    counts = Counter(node.op_type for node in model.graph)
    assert not {"Slice", "Trilu", "CumSum", "GatherElements", "Expand"} & set(counts)
    assert (counts["Split"], counts["Gather"]) == (3, 1)
    found = np.asarray(Session(model).run({"x": x.numpy()})["y"])
    np.testing.assert_allclose(found, module(x).detach().numpy(), rtol=1e-5, atol=1e-5)

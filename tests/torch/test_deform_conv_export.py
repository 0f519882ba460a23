# torch is not installed where types are checked
# mypy: disable-error-code="misc, import-not-found, no-untyped-call"
"""The deform-conv pass on what torch exports of mmcv's operator."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from graphfix.model import load
from graphfix.rewrite import PassContext
from graphfix.runners.onnxruntime import Session
from graphfix.verify import Status, Verifier
from graphfix_passes.deform_conv import DeformConv, Mode


class Modulated(torch.autograd.Function):
    """Version 2 with a kernel of 3 by 3, pads of 1 and one group, exported as mmcv does."""

    @staticmethod
    def symbolic(g: Any, x: Any, offset: Any, mask: Any, weight: Any, stride: int) -> Any:
        return g.op(
            "mmcv::MMCVModulatedDeformConv2d",
            x,
            offset,
            mask,
            weight,
            stride_i=(stride, stride),
            padding_i=(1, 1),
            dilation_i=(1, 1),
            groups_i=1,
            deform_groups_i=1,
        )

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        offset: torch.Tensor,
        mask: torch.Tensor,
        weight: torch.Tensor,
        stride: int,
    ) -> torch.Tensor:
        height, width = x.shape[2:]
        rows, columns = (height - 1) // stride + 1, (width - 1) // stride + 1
        moves = offset.flatten(1)[:, : 18 * rows * columns].reshape(-1, 9, 2, rows, columns)
        masks = mask.flatten(1)[:, : 9 * rows * columns].reshape(-1, 9, rows, columns)
        y = torch.zeros(len(x), len(weight), rows, columns, dtype=x.dtype)
        for tap in range(9):
            down = torch.arange(rows)[:, None] * stride - 1 + tap // 3 + moves[:, tap, 0]
            across = torch.arange(columns) * stride - 1 + tap % 3 + moves[:, tap, 1]
            grid = torch.stack([across * 2 / (width - 1) - 1, down * 2 / (height - 1) - 1], dim=-1)
            found = F.grid_sample(x, grid, align_corners=True) * masks[:, None, tap]
            y += F.conv2d(found, weight[:, :, tap // 3, tap % 3, None, None])
        return y


class Block(nn.Module):
    """A convolution with what computes its offsets; of DBNet, these ignore the stride."""

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.offset = nn.Conv2d(channels, 27, 3, 1, 1)
        self.weight = nn.Parameter(torch.randn(4, channels, 3, 3))
        self.stride = stride

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        both = self.offset(x)
        mask = both[:, 18:].sigmoid()
        found: torch.Tensor = Modulated.apply(x, both[:, :18], mask, self.weight, self.stride)
        return found.relu()


@pytest.mark.parametrize("dynamic", [False, True])
def test_export_by_torch_script(dynamic: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(Block(3, 1), Block(4, 2), Block(4, 1)).eval()
    x = torch.randn(2, 3, 9, 12)
    axes = {"x": {0: "n", 2: "h", 3: "w"}} if dynamic else None
    path = tmp_path / "blocks.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter is an old one
        torch.onnx.export(
            module, (x,), str(path), dynamo=False, autograd_inlining=False, opset_version=11,
            custom_opsets={"mmcv": 1}, input_names=["x"], output_names=["y"], dynamic_axes=axes,
        )  # fmt: skip
    verifier = Verifier(shapes=["x:2,3,9,12"])
    verifier.start(load(path))
    model = load(path)
    result = DeformConv(mode=Mode.DECOMPOSE).run(model, PassContext())
    assert len(result.rewrites) == 3
    assert verifier.check(result, before=lambda: load(path)).status is Status.PASSED
    y = np.asarray(Session(model).run({"x": x.numpy()})["y"])
    np.testing.assert_allclose(y, module(x).detach().numpy(), rtol=1e-4, atol=1e-4)

# torch is not installed where types are checked
# mypy: disable-error-code="misc, import-not-found"
"""What torch's exporters write for volumes, sequences, borders and interpolation."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from graphfix_passes.instancenorm import Form, Instancenorm
from graphfix_passes.pool3d_to_pool2d import Pool3dToPool2d
from graphfix_passes.reflect_pad import ReflectPad
from graphfix_passes.resize1d_to_resize2d import Resize1dToResize2d
from graphfix_passes.resize3d_split import Resize3dSplit
from graphfix_passes.resize_matmul import ResizeMatmul
from tests.torch.test_rewrite_exports import export, numbers, run

WAYS = [(11, False), (17, False), (18, True)]


@pytest.mark.parametrize(("opset", "dynamo"), WAYS)
def test_volumes_become_pictures(opset: int, dynamo: bool) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.MaxPool3d((1, 3, 3), (1, 2, 2), padding=(0, 1, 1)),
        nn.Upsample(scale_factor=2, mode="trilinear", align_corners=True),
        nn.AvgPool3d(2, ceil_mode=True),
        nn.Upsample(scale_factor=(2, 3, 1)),
    )
    x = torch.randn(2, 3, 5, 9, 9)
    after = run(export(module, x, 0, opset, dynamo=dynamo), Pool3dToPool2d(), Resize3dSplit())
    small = [node for node in after.graph if node.op_type in ("AveragePool", "MaxPool", "Resize")]
    assert len(small) == 7
    for node in small:
        maker = node.inputs[0].producer() if node.inputs[0] is not None else None
        assert maker is not None
        assert maker.op_type == "Reshape"
    np.testing.assert_allclose(numbers(after, x), module(x).numpy(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("opset", "dynamo"), WAYS)
def test_sequences_become_flat_pictures(opset: int, dynamo: bool) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.ReflectionPad1d((3, 1)),
        nn.InstanceNorm1d(4, affine=True),
        nn.ReplicationPad1d(1),
        nn.Upsample(scale_factor=2),
    ).eval()
    x = torch.randn(2, 4, 7)
    model = export(module, x, 0, opset, dynamo=dynamo)
    after = run(model, ReflectPad(), Instancenorm(mode=Form.LIFT), Resize1dToResize2d())
    names = [node.op_type for node in after.graph]
    assert "Pad" not in names
    assert names.count("Squeeze") == 2
    wanted = module(x).detach().numpy()
    np.testing.assert_allclose(numbers(after, x), wanted, rtol=1e-5, atol=1e-5)


class Interpolate(nn.Module):
    """To a size that does not depend on the batch, which is open."""

    def __init__(self, mode: str, *, antialias: bool) -> None:
        super().__init__()
        self.options = {"size": (5, 24), "mode": mode, "antialias": antialias}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.interpolate(x, **self.options)


@pytest.mark.parametrize(
    ("mode", "antialias", "opset", "dynamo"),
    [
        ("bicubic", False, 11, False),
        ("bicubic", False, 18, True),
        ("bicubic", True, 18, True),
        ("bilinear", True, 18, True),  # the older exporter has no antialiasing
    ],
)
def test_interpolation_becomes_products(
    mode: str, antialias: bool, opset: int, dynamo: bool
) -> None:
    torch.manual_seed(0)
    module, x = Interpolate(mode, antialias=antialias), torch.randn(2, 3, 13, 17)
    after = run(export(module, x, 0, opset, dynamo=dynamo), ResizeMatmul())
    assert [node.op_type for node in after.graph if node.op_type != "Constant"] == ["MatMul"] * 2
    np.testing.assert_allclose(numbers(after, x), module(x).numpy(), rtol=1e-5, atol=1e-5)

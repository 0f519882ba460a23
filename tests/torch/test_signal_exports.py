# torch is not installed where types are checked
# mypy: disable-error-code="misc, import-not-found, no-any-return, unused-ignore"
"""What torch's exporters write for Fourier transforms."""

import io
import warnings
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

SIZE = 84


class Spectrogram(nn.Module):
    """Decibels of centred frames in front of a convolution; the window is shorter than a frame."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(16))
        self.conv = nn.Conv1d(11, 3, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with warnings.catch_warnings():  # TorchScript exports no complex numbers
            warnings.simplefilter("ignore")
            frames = torch.stft(x, 20, 8, 16, self.window, return_complex=False)
        power = frames.pow(2).sum(-1)
        return self.conv(torch.log(power + 1e-3))


class Frames(nn.Module):
    """Frames as they are, with a window that is made in the model."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        frames = torch.stft(
            x, 16, 6, window=torch.hann_window(16), center=False, onesided=True,
            return_complex=True,
        )  # fmt: skip
        return torch.view_as_real(frames)


class Filter(nn.Module):
    """A convolution over a circle, by its spectrum."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("gains", torch.rand(SIZE // 2 + 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.fft.irfft(torch.fft.rfft(x) * self.gains, n=SIZE)


class Plane(nn.Module):
    """Magnitudes over two axes."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.view_as_real(torch.fft.fft2(x.reshape(-1, 7, 12))).pow(2).sum(-1)


def export(module: nn.Module, x: torch.Tensor, opset: int, *, dynamo: bool) -> ir.Model:
    """``module`` with an open batch."""
    file = io.BytesIO()
    dims: dict[str, Any] = {"dynamic_axes": {"x": {0: "n"}}}
    if dynamo:
        dims = {"dynamic_shapes": ({0: torch.export.Dim("n")},), "verbose": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module, (x,), file, opset_version=opset, dynamo=dynamo,
            input_names=["x"], output_names=["y"], **dims,
        )  # fmt: skip
    return from_bytes(file.getvalue())


@pytest.mark.parametrize(
    ("module", "opset", "dynamo"),
    [
        (Spectrogram(), 17, False),
        (Spectrogram(), 18, True),
        (Frames(), 18, True),
        (Filter(), 18, True),
        (Filter(), 20, True),
        (Plane(), 18, True),
    ],
)
def test_transforms_become_products(module: nn.Module, opset: int, dynamo: bool) -> None:
    torch.manual_seed(0)
    model = export(module, torch.randn(2, SIZE), opset, dynamo=dynamo)
    before = {node.op_type for node in model.graph}
    assert before & {"DFT", "STFT"}
    for item in parse("constants,fold-shapes,fold-constants,dft", load_registry()).passes:
        model = item.run(model, PassContext()).model
    assert not {node.op_type for node in model.graph} & {"DFT", "STFT"}
    for count in (2, 3):
        x = torch.randn(count, SIZE)
        found = np.asarray(Session(model).run({"x": x.numpy()})["y"])
        with torch.no_grad():
            wanted = module(x).numpy()
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)

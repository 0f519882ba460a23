# torch is not installed where types are checked
# mypy: disable-error-code="misc, import-not-found"
"""What torch's exporters write for activations, normalisations, sums, branches and loops."""

import io
import warnings
from collections import Counter
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from graphfix.model import from_bytes
from graphfix.rewrite import PassContext
from graphfix.rewrite.base import Pass
from graphfix.runners.onnxruntime import Session
from graphfix_passes._restoring import Mode
from graphfix_passes.einsum import Einsum
from graphfix_passes.gelu import Gelu
from graphfix_passes.groupnorm import Groupnorm
from graphfix_passes.hardswish import Hardswish
from graphfix_passes.if_fold import IfFold
from graphfix_passes.layernorm import Layernorm
from graphfix_passes.loop_unroll import LoopUnroll
from graphfix_passes.mish import Mish
from graphfix_passes.opset import Opset

WHOLE = {"Gelu": 2, "GroupNormalization": 1, "HardSwish": 1, "LayerNormalization": 2, "Mish": 1}


class Norms(nn.Module):
    """Every operator that has a pass of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.LayerNorm(8)
        self.plain = nn.LayerNorm((6, 8), elementwise_affine=False)
        self.group = nn.GroupNorm(2, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.gelu(self.layer(self.group(x)))
        y = F.gelu(self.plain(y), approximate="tanh")
        y = F.mish(F.hardswish(y))
        return torch.einsum("nchw,ncvw->nchv", y, y)


class Choices(nn.Module):
    """Branches by a size, and loops over one."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        state = torch.zeros(x.size(1), 4)
        for step in range(x.size(0)):
            state = torch.tanh(x[step] @ self.weight + state)
        return state * 2 if state.size(1) == 4 else state - 1


def export(module: Any, x: torch.Tensor, axis: int, opset: int, *, dynamo: bool) -> ir.Model:
    """``module`` with ``axis`` of ``x`` open."""
    file = io.BytesIO()
    dims: dict[str, Any] = {"dynamic_axes": {"x": {axis: "n"}}}
    if dynamo:
        dims = {"dynamic_shapes": ({axis: torch.export.Dim("n")},), "verbose": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module, (x,), file, opset_version=opset, dynamo=dynamo,
            input_names=["x"], output_names=["y"], **dims,
        )  # fmt: skip
    return from_bytes(file.getvalue())


def run(model: ir.Model, *passes: Pass) -> ir.Model:
    for item in passes:
        model = item.run(model, PassContext()).model
    return model


def passes(mode: Mode) -> tuple[Pass, ...]:
    return (
        Layernorm(mode=mode),
        Groupnorm(mode=mode),
        Gelu(mode=mode),
        Hardswish(mode=mode),
        Mish(mode=mode),
    )


def numbers(model: ir.Model, x: torch.Tensor) -> np.ndarray:
    return np.asarray(Session(model).run({"x": x.numpy()})["y"])


@pytest.mark.parametrize(("opset", "dynamo"), [(13, False), (17, False), (18, True)])
def test_operators_are_found_in_their_parts_and_taken_apart(opset: int, dynamo: bool) -> None:
    torch.manual_seed(0)
    x, module = torch.randn(2, 4, 6, 8), Norms().eval()
    model = export(module, x, 0, opset, dynamo=dynamo)
    wanted = module(x).detach().numpy()
    restored = run(model, Opset(to=21), *passes(Mode.RESTORE))
    counts = Counter(node.op_type for node in restored.graph)
    assert {name: counts[name] for name in WHOLE} == WHOLE
    np.testing.assert_allclose(numbers(restored, x), wanted, rtol=1e-4, atol=1e-4)
    parts = run(restored, Einsum(), *passes(Mode.DECOMPOSE))
    assert not {*WHOLE, "Einsum"} & {node.op_type for node in parts.graph}
    np.testing.assert_allclose(numbers(parts, x), wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
@pytest.mark.parametrize("opset", [11, 13, 17])
def test_a_script_gets_rid_of_control_flow(opset: int) -> None:
    torch.manual_seed(0)
    x, module = torch.randn(5, 2, 3), Choices().eval()
    model = export(torch.jit.script(module), x, 1, opset, dynamo=False)
    assert {"If", "Loop"} <= {node.op_type for node in model.graph}
    after = run(model, LoopUnroll(), IfFold())
    assert not {"If", "Loop"} & {node.op_type for node in after.graph}
    for batch in (x, torch.randn(5, 3, 3)):
        wanted = module(batch).detach().numpy()
        np.testing.assert_allclose(numbers(after, batch), wanted, rtol=1e-5, atol=1e-6)

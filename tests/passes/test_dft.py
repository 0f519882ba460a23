"""The dft pass on random transforms, and on those of speech models."""

from collections.abc import Sequence
from math import gcd

import numpy as np
import onnx_ir as ir
import pytest

from graphfix.contract import Close, Contract, Replaces
from graphfix.model import from_text
from graphfix.rewrite import PassContext
from graphfix.rewrite.rewriter import AttrValue
from graphfix.runners.onnxruntime import Session
from graphfix_passes.dft import Dft
from graphfix_passes.fold_constants import FoldConstants
from tests.passes.random_graphs import Grower, hold


def transforms(grow: Grower) -> Sequence[ir.Value]:
    """Lengths of up to 9, which onnxruntime transforms to within the tolerance."""
    if grow.chance(40):
        return [frames(grow)]
    parts, inverse, onesided = (grow.number(1, 2) for _ in range(3))
    if onesided == 2:
        parts = inverse  # all else does not run
    shape = (*grow.shape(min_rank=1, max_rank=3, max_size=5), parts)
    data = grow.input(shape, grow.one_of(np.float32, np.float32, np.float16))
    axis = grow.number(0, len(shape) - 2)
    length = None
    if inverse == onesided == 2:
        spare = 2 * shape[axis] - grow.number(1, 2)
        length = grow.const(max(spare, 1), np.int64)
    elif grow.chance(40):
        length = grow.const(grow.number(1, 9), grow.one_of(np.int64, np.int32))
    flags: dict[str, AttrValue] = {"inverse": inverse - 1, "onesided": onesided - 1}
    axis -= grow.one_of(0, len(shape))
    if grow.opset < 20:
        return [grow.op("DFT", data, length, axis=axis, **flags)]
    return [grow.op("DFT", data, length, grow.const(axis, np.int64), **flags)]


def frames(grow: Grower) -> ir.Value:
    parts, length = grow.number(1, 2), grow.number(1, 9)
    size = length + grow.number(0, 12)
    shape = (2, size) if parts == 1 and grow.chance(30) else (2, size, parts)
    signal = grow.input(shape, grow.one_of(np.float32, np.float32, np.float16))
    step = grow.const(grow.number(1, 6), np.int64)
    window: ir.Value | None = None
    told: ir.Value | None = grow.const(length, np.int64)
    if grow.chance(60):
        kind = np.float16 if signal.dtype == ir.DataType.FLOAT16 else np.float32
        window = grow.const(np.linspace(-1, 2, length), kind)
        told = grow.one_of(told, None)
    attributes = {"onesided": grow.number(0, 2 - parts)}
    return grow.op("STFT", signal, step, window, told, **attributes)


def test_whatever_is_transformed() -> None:
    hold(Dft(), transforms, opsets=(17, 18, 20, 21), examples=80, least=0.3)


@pytest.mark.parametrize(("length", "judge"), [(400, Replaces), (512, Close), (2048, Close)])
def test_frames_of_speech_are_exact_enough(length: int, judge: type[Contract]) -> None:
    step, count = 160, 3
    model = from_text(
        '<ir_version: 8, opset_import: ["" : 17]> '
        f"main (float[1,{length + (count - 1) * step + 5}] x) => (float[1,{count},K,2] y) "
        f"<int64 step = {{{step}}}, int64 size = {{{length}}}> "
        "{ window = HannWindow <periodic = 1> (size) "
        "y = STFT <onesided = 1> (x, step, window, size) }"
    )
    model = FoldConstants().run(model, PassContext()).model
    result = Dft().run(model, PassContext())
    assert isinstance(result.contract, judge)
    (conv,) = (node for node in result.model.graph if node.op_type == "Conv")
    assert conv.attributes["kernel_shape"].as_ints() == (length // gcd(length, step),)
    size = length + (count - 1) * step + 5
    x = np.random.default_rng(0).normal(size=(1, size)).astype(np.float32)
    y = np.asarray(Session(result.model, threads=1).run({"x": x})["y"], np.float64)
    cut = np.stack([x[0, k * step : k * step + length] for k in range(count)])
    whole = np.fft.rfft(cut.astype(np.float64) * np.hanning(length + 1)[:-1])
    exact = np.stack([whole.real, whole.imag], -1)[None]
    assert np.abs(y - exact).max() < 5e-6 * np.sqrt(np.mean(exact**2))


@pytest.mark.parametrize(
    ("signature", "body", "reason"),
    [
        ("float[2,4,1] x", "DFT <axis = 2> (x)", "its axis 2 is none of the signal"),
        ("float[2,4,1] x", "DFT <axis = 3> (x)", "its axis 3 is none of the signal"),
        ("float[2,4,1] x", "DFT (x, below)", "it transforms no numbers"),
        ("float[2,0,1] x", "DFT (x)", "it transforms no numbers"),
        (
            "float[2,1,2] x",
            "DFT <inverse = 1, onesided = 1> (x)",
            "it transforms no numbers",
        ),
        (
            "float[2,4,1] x",
            "DFT <inverse = 1, onesided = 1> (x)",
            (
                "it is an inverse from one side with 4 real numbers for a length of 6, "
                "which ONNX does not define"
            ),
        ),
        ("float[2,3,4,1] x", "STFT (x, two, three)", "its signal has 4 dims, not 3"),
        ("float[2,8,1] x", "STFT (x, zero, three)", "its step is 0"),
        ("float[2,8,1] x", "STFT (x, two, , below)", "it transforms no numbers"),
        (
            "float[2,L,1] x",
            "STFT (x, two, , many)",
            "its matrix has 4000000000008000000000000 bytes; see dft{limit}",
        ),
        ("float[2,2,1] x", "STFT (x, two, three)", "its signal of 2 is shorter than a frame of 3"),
        (
            "float[2,8,1] x",
            "STFT (x, two)",
            "it has neither a window nor a frame_length, which onnxruntime does not run",
        ),
        (
            "float[2,8,1] x",
            "STFT (x, two, three, two)",
            "its window has 3 numbers and its frames 2, which ONNX excludes",
        ),
    ],
)
def test_what_no_runtime_runs_is_left_alone(signature: str, body: str, reason: str) -> None:
    model = from_text(
        f'<ir_version: 8, opset_import: ["" : 17]> main ({signature}) => (y) '
        "<int64 zero = {0}, int64 two = {2}, int64 below = {-1}, int64 many = {1000000000000}, "
        "float[3] three = {1, 2, 3}> { y = " + body + " }"
    )
    for value in model.graph.node(0).outputs:  # stated, so that onnx, which refuses, is not asked
        value.shape = ir.Shape(["a", "b"])
    result = Dft().run(model, PassContext())
    assert [skip.reason for skip in result.skips] == [reason]
    assert not result.rewrites

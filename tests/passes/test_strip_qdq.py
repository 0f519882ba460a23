"""The strip-qdq pass on random pairs, and on what onnxruntime quantizes."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)

from graphfix.contract import Close, Contract
from graphfix.model import load
from graphfix.pipeline import Pipeline
from graphfix.rewrite import Rewrite, Rewriter
from graphfix.runners.onnxruntime import Session
from graphfix.stages.apply import ApplyRequest, apply
from graphfix_passes.strip_qdq import StripQdq
from tests.passes.random_graphs import Grower, hold


class HalfAStep(StripQdq):
    """Held to what is promised of every place, also at the outputs."""

    def conclude(self, rewrites: Sequence[Rewrite], rw: Rewriter) -> Contract:
        steps = [r.contract.atol for r in rewrites if isinstance(r.contract, Close)]
        return Close(rtol=1e-6, atol=max((step or 0.0 for step in steps), default=0.0))


def pairs(grow: Grower) -> Sequence[ir.Value]:
    kind = np.dtype(grow.one_of("uint8", "int8"))
    limits = np.iinfo(kind)
    shape = grow.shape(min_rank=1)
    step = grow.const(grow.one_of(0.5, 0.0125, 1.0))
    zero = grow.const(grow.one_of(limits.min, 0, limits.max), kind.type)
    if grow.chance(30):
        stored = np.random.default_rng(0).integers(limits.min, limits.max, shape)
        return [grow.unary(grow.op("DequantizeLinear", grow.const(stored, kind.type), step, zero))]
    data = grow.const(np.linspace(-2, 2, 4)) if grow.chance(20) else grow.input(shape)
    whole = grow.maybe_shared(grow.op("QuantizeLinear", data, step, zero))
    return [grow.unary(grow.op("DequantizeLinear", whole, step, zero)) for _ in range(2)]


def test_whatever_is_quantized() -> None:
    hold(HalfAStep(), pairs, opsets=(10, 13, 17, 21), examples=50, least=0.3)


# A network as onnxruntime quantizes it

NETWORK = """<ir_version: 8, opset_import: ["" : 13]>
main (float[N,3,8,8] x) => (float[N,4] y)
{
   c1 = Conv <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (x, w1, b1)
   r1 = Relu (c1)
   c2 = Conv <kernel_shape = [3, 3], strides = [2, 2]> (r1, w2, b2)
   r2 = Relu (c2)
   sum = Add (r2, r2)
   pooled = GlobalAveragePool (sum)
   flat = Flatten (pooled)
   y = Gemm (flat, w3, b3)
}"""


class Pictures(CalibrationDataReader):  # type: ignore[misc]  # untyped in onnxruntime
    def __init__(self) -> None:
        self.left = [{"x": picture} for picture in pictures(8)]

    def get_next(self) -> dict[str, np.ndarray] | None:
        return self.left.pop() if self.left else None


def pictures(count: int, seed: int = 0) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [random.normal(size=(2, 3, 8, 8)).astype(np.float32) for _ in range(count)]


@pytest.fixture
def network(tmp_path: Path) -> Path:
    random = np.random.default_rng(1)
    model = onnx.parser.parse_model(NETWORK)
    shapes = {"w1": (8, 3, 3, 3), "b1": (8,), "w2": (16, 8, 3, 3), "b2": (16,), "w3": (16, 4)}
    for name, shape in {**shapes, "b3": (4,)}.items():
        array = (random.normal(size=shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)
        model.graph.initializer.append(onnx.numpy_helper.from_array(array, name))
    path = tmp_path / "float.onnx"
    onnx.save(model, path)
    return path


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("by_channel", [False, True])
def test_what_onnxruntime_has_quantized(by_channel: bool, network: Path, tmp_path: Path) -> None:
    logging.disable(logging.WARNING)
    path = tmp_path / "quantized.onnx"
    quantize_static(
        network,
        path,
        Pictures(),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=by_channel,
    )
    logging.disable(logging.NOTSET)
    report = apply(ApplyRequest(path, Pipeline((StripQdq(),))))
    assert report.ok, report.why_not
    assert not set(report.operators[1]) & {"QuantizeLinear", "DequantizeLinear"}
    assert report.operators[0].get("Relu", 0) < 2, "the quantizer leaves it to the range"
    notes = [str(rewrite["note"]) for rewrite in report.steps[0].rewrites]
    assert any(note.startswith("scale ") and note.endswith("(uint8)") for note in notes)

    model = load(report.written[0])
    scales = json.loads(report.written[-1].read_text(encoding="utf-8"))
    assert report.written[-1].name == "quantized.fixed.strip-qdq.json"
    assert "x" in scales
    kernels = [value for value in model.graph.initializers.values() if len(value.shape or ()) == 4]
    assert len(kernels) == 2
    for kernel in kernels:
        assert kernel.const_value is not None
        kept, array = scales[kernel.name], kernel.const_value.numpy()
        assert kept["type"] == "int8"
        assert kept.get("axis") == (0 if by_channel else None)
        shape = [-1, 1, 1, 1] if by_channel else [1]
        steps = array / np.array(kept["scale"]).reshape(shape)
        np.testing.assert_allclose(steps, np.rint(steps), atol=1e-3)
    (picture,) = pictures(1, seed=2)
    found = np.asarray(Session(model).run({"x": picture})["y"])
    wanted = np.asarray(Session(load(network)).run({"x": picture})["y"])
    error = np.linalg.norm(found - wanted) / np.linalg.norm(wanted)
    assert error < 0.05

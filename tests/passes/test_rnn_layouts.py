"""Recurrent layers with the batch in front, which onnxruntime runs only when ``opset`` has turned
them: passes must leave what comes out of that as it is."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir
import pytest

from graphfix.model import from_text
from graphfix.pipeline import parse
from graphfix.rewrite import PassContext
from graphfix.runners.onnxruntime import Session
from tests import golden

BOTH = """
    <ir_version: 8, opset_import: ["" : 14]>
    main (float[2,3,2] x, float[2,8,2] w, float[2,8,2] r, float[2,16] b, int32[2] n,
          float[2,2,2] h0, float[2,2,2] c0, float[2,6] p)
        => (float[2,3,2,2] y, float[2,2,2] h, float[2,2,2] c)
    {
        y, h, c = LSTM <hidden_size = 2, direction = "bidirectional", layout = 1>
            (x, w, r, b, n, h0, c0, p)
    }
"""
TURNED = """
    <ir_version: 8, opset_import: ["" : 14]>
    main (float[2,3,2] x, float[1,6,2] w, float[1,6,2] r) => (float[2,3,2] y, float[2,1,2] h)
    <int64[1] last = {-1}, int64[1] least = {-9}, int64[1] one = {1}, int64[1] two = {2}>
    {
        a = Slice (x, last, least, one, last)
        b, h = GRU <hidden_size = 2, layout = 1> (a, w, r)
        c = Squeeze (b, two)
        y = Slice (c, last, least, one, last)
    }
"""
REVERSE = """
    <ir_version: 8, opset_import: ["" : 14]>
    main (float[2,3,2] x, float[1,2,2] w, float[1,2,2] r)
        => (float[2,3,1,2] y, float[2,1,2] h)
    { y, h = RNN <hidden_size = 2, layout = 1, direction = "reverse"> (x, w, r) }
"""


def applied(text: str, passes: str) -> ir.Model:
    model = from_text(text)
    for item in parse(passes, golden.registry()).passes:
        result = item.run(model, PassContext())
        assert result.rewrites, f"{item.name} did nothing"
        model = result.model
    return model


def numbers(model: ir.Model) -> Sequence[np.ndarray]:
    rng = np.random.default_rng(0)
    feeds: dict[str, np.ndarray] = {
        str(value.name): rng.normal(size=value.shape.numpy()).astype(np.float32)
        for value in model.graph.inputs
        if value.shape is not None
    }
    if "n" in feeds:
        feeds["n"] = np.array([3, 2], np.int32)
    return [np.asarray(array) for array in Session(model).run(feeds).values()]


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        (BOTH, "rnn-split,opset{to=13}"),
        (TURNED, "rnn-reverse,opset{to=13}"),
        (REVERSE, "rnn-reverse{mode=slice},opset{to=13}"),
        (TURNED, "gru-reset"),
        (BOTH, "rnn-unroll{select='op=LSTM'}"),
        (REVERSE, "rnn-unroll"),
    ],
)
def test_the_batch_in_front(text: str, passes: str) -> None:
    expected = numbers(applied(text, "opset{to=13}"))
    for before, after in zip(expected, numbers(applied(text, passes)), strict=True):
        np.testing.assert_allclose(after, before, rtol=1e-5, atol=1e-6)

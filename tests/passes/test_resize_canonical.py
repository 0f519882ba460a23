"""The resize-canonical pass on random Resizes, and on one that onnxruntime refuses."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir
import pytest

from graphfix.model import from_text
from graphfix.rewrite import PassContext
from graphfix.rewrite.rewriter import AttrValue
from graphfix.runners.onnxruntime import NotRunnable, Session
from graphfix_passes.resize_canonical import ResizeCanonical
from tests.passes.random_graphs import Grower, hold

MODES = ("asymmetric", "half_pixel", "pytorch_half_pixel", "align_corners", "tf_crop_and_resize")


def resizes(grow: Grower) -> Sequence[ir.Value]:
    """A Resize in some spelling, down to one point."""
    shape = (1, 2, grow.number(1, 5), grow.number(1, 5))
    data = grow.input(shape, grow.one_of(np.float32, np.float16))
    attributes: dict[str, AttrValue] = {"mode": grow.one_of("linear", "nearest", "cubic")}
    if grow.chance(60):
        attributes["coordinate_transformation_mode"] = grow.one_of(*MODES)
    if grow.chance(40):
        attributes["nearest_mode"] = grow.one_of("floor", "ceil", "round_prefer_ceil")
    roi = grow.const([0, 0, 0.1, 0.2, 1, 1, 0.7, 0.8])
    inputs: list[ir.Value | None] = [data, roi]
    if grow.chance(50):
        inputs.append(grow.const([1, 1, *(grow.one_of(2.0, 1.0, 0.5, 1.3) for _ in range(2))]))
    else:
        empty = grow.op("Constant", value=ir.tensor(np.zeros(0, np.float32)))
        inputs.append(None if grow.opset >= 13 and grow.chance(50) else empty)
        inputs.append(grow.const([1, 2, grow.number(1, 6), grow.number(1, 6)], np.int64))
    return [grow.op("Resize", *inputs, **attributes)]


def test_whatever_a_resize_looks_like() -> None:
    hold(ResizeCanonical(), resizes, opsets=(11, 13, 18, 21), examples=80, least=0.5)


def test_empty_names_before_opset_13_become_empty_tensors() -> None:
    model = from_text(
        """
        <ir_version: 6, opset_import: ["" : 11]>
        main (float[1,1,2,2] x) => (float[1,1,4,4] y) <int64[4] sizes = {1, 1, 4, 4}>
        { y = Resize <mode = "nearest"> (x, , , sizes) }
        """
    )
    feeds = {"x": np.arange(4, dtype=np.float32).reshape(1, 1, 2, 2)}
    with pytest.raises(NotRunnable):
        Session(model).run(feeds)
    after = ResizeCanonical().run(model, PassContext()).model
    found = np.asarray(Session(after).run(feeds)["y"])
    assert found[0, 0].tolist() == [[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 3, 3], [2, 2, 3, 3]]

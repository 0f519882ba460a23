"""Windows against onnxruntime: where they pad, and what rounding up adds."""

from itertools import product
from typing import Any

import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper

from graphfix.audit.view import View
from graphfix.audit.windows import Window, window
from graphfix.model.decode import decode
from graphfix.target import load_profile

PROFILE = load_profile("Ascend310P3", "8.5")
CASES = [
    (size, kernel, stride, dilation)
    for size, kernel, stride, dilation in product((5, 8, 13), (1, 2, 3), (1, 2, 4), (1, 2))
    if (kernel - 1) * dilation + 1 <= size
]


def pool(size: int, **attributes: Any) -> tuple[Window, np.ndarray]:
    """The window that is read of a MaxPool, and what onnxruntime makes of rising numbers."""
    graph = helper.make_graph(
        [helper.make_node("MaxPool", ["x"], ["y"], name="pool", **attributes)],
        "main",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, size])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, None])],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 12)], ir_version=8)
    model = decode(proto)
    found = window(model.graph.node("pool"), View(model, PROFILE))
    assert found is not None
    session = ort.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    data = np.arange(size, dtype=np.float32).reshape(1, 1, size)
    return found, session.run(None, {"x": data})[0]


def test_same_padding_is_what_onnxruntime_pads() -> None:
    # It leaves dilations out of this, and strides beyond the window are an error there.
    for size, kernel, stride in product((5, 8, 13), (2, 3, 4), (1, 2, 3)):
        if stride > kernel:
            continue
        moves = {"kernel_shape": [kernel], "strides": [stride]}
        found, wanted = pool(size, auto_pad="SAME_UPPER", **moves)
        (total,) = found.same_padding()
        assert total is not None
        _, padded = pool(size, pads=[total // 2, total - total // 2], **moves)
        np.testing.assert_array_equal(padded, wanted)


def test_rounding_matters_where_onnxruntime_adds_a_position() -> None:
    added = 0
    for size, kernel, stride, dilation in CASES:
        moves = {"kernel_shape": [kernel], "strides": [stride], "dilations": [dilation]}
        for pads in ([0, 0], [0, kernel - 1], [kernel - 1, 0]):
            found, down = pool(size, pads=pads, **moves)
            _, up = pool(size, pads=pads, ceil_mode=1, **moves)
            assert found.rounding_matters() is (up.shape != down.shape), (size, moves, pads)
            added += up.shape != down.shape
    assert added > 10

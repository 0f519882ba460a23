"""Rules whose condition is arithmetic, against what numpy and onnxruntime compute."""

from itertools import product

import numpy as np
import onnx
import onnxruntime as ort

from graphfix.audit import audit, builtin_rules
from graphfix.model import from_text, infer_shapes, to_proto
from graphfix.target import load_profile

PROFILE = load_profile("Ascend310P3", "8.5")


def speaks(rule: str, text: str) -> tuple[bool, onnx.ModelProto]:
    """Whether the rule finds something in a model, and the model."""
    model = from_text(text)
    infer_shapes(model)
    return bool(audit(model, PROFILE, [builtin_rules()[rule]]).findings), to_proto(
        model, weights=True
    )


def test_log_softmax_is_found_where_one_axis_gives_other_numbers() -> None:
    data = np.random.default_rng(0)
    heard = set()
    for shape, axis in product(
        [(4,), (2, 3), (2, 3, 4), (2, 3, 1), (1, 1, 4), (2, 3, 1, 1)], [None, -2, -1, 0, 1]
    ):
        if axis is not None and not -len(shape) <= axis < len(shape):
            continue
        if axis is None and len(shape) == 1:
            continue  # axis 1 is out of range
        size = ",".join(map(str, shape))
        attribute = "" if axis is None else f"<axis = {axis}>"
        found, proto = speaks(
            "GF326",
            f'<ir_version: 7, opset_import: ["" : 11]> main (float[{size}] x) => '
            f"(float[{size}] y) {{ [norm] y = LogSoftmax {attribute} (x) }}",
        )
        x = data.standard_normal(shape, np.float32)
        session = ort.InferenceSession(
            proto.SerializeToString(), providers=["CPUExecutionProvider"]
        )
        wanted = session.run(None, {"x": x})[0]
        taken = -1 if axis is None else axis
        on_atc = x - np.log(np.exp(x).sum(axis=taken, keepdims=True))
        assert found is not np.allclose(on_atc, wanted, atol=1e-5), (shape, axis)
        heard.add(found)
    assert heard == {True, False}


def test_eye_like_is_found_where_its_diagonal_has_another_length() -> None:
    for rows, columns, k in product((1, 3, 5), (1, 3, 5), (-7, -3, -1, 0, 1, 4)):
        found, _ = speaks(
            "GF348",
            f'<ir_version: 7, opset_import: ["" : 11]> main (float[{rows},{columns}] x) => '
            f"(float[{rows},{columns}] y) {{ [eye] y = EyeLike <k = {k}> (x) }}",
        )
        ones = int(np.eye(rows, columns, k).sum())
        assert found is (rows + k != ones), (rows, columns, k)

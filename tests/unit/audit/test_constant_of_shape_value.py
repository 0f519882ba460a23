"""How a tensor is stored, which ONNX text cannot say."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from graphfix.audit import audit, builtin_rules
from graphfix.model import decode
from graphfix.target import load_profile

RAW = numpy_helper.from_array(np.array([True]))
TYPED = helper.make_tensor("", TensorProto.BOOL, [1], [1])


@pytest.mark.parametrize(("value", "count"), [(RAW, 0), (TYPED, 1)], ids=["raw", "typed"])
def test_only_the_field_of_its_type_is_a_finding(value: TensorProto, count: int) -> None:
    graph = helper.make_graph(
        [helper.make_node("ConstantOfShape", ["s"], ["y"], name="fill", value=value)],
        "main",
        [helper.make_tensor_value_info("s", TensorProto.INT64, [1])],
        [helper.make_tensor_value_info("y", TensorProto.BOOL, ["n"])],
    )
    model = decode.decode(helper.make_model(graph))
    profile = load_profile("Ascend310P3", "8.5")
    assert len(audit(model, profile, [builtin_rules()["GF303"]]).findings) == count

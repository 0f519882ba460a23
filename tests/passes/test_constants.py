"""The constants pass: random graphs, and the forms that ONNX text cannot write."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper

from graphfix.errors import ModelError
from graphfix.model import from_bytes
from graphfix.rewrite import PassContext
from graphfix.rewrite.rewriter import AttrValue
from graphfix.runners.onnxruntime import Session
from graphfix_passes.constants import Constants
from tests.passes.random_graphs import Grower, hold


def sums(grow: Grower) -> Sequence[ir.Value]:
    value = grow.input((3,))
    for _ in range(grow.number(1, 3)):
        tensor = ir.tensor(np.arange(3, dtype=np.float32))
        forms: list[dict[str, AttrValue]] = [{"value": tensor}]
        if grow.opset >= 12:
            forms += [{"value_float": 0.5}, {"value_floats": [1.0, -1.0, 0.5]}]
        constant = grow.op("Constant", **grow.one_of(*forms))
        value = grow.op("Add", value, grow.maybe_shared(constant))
    return [value]


def test_whatever_reads_constants() -> None:
    hold(Constants(), sums, least=0.9)


def model(dtype: int, dims: Sequence[int], **attributes: Any) -> ir.Model:
    node = helper.make_node("Constant", [], ["c"], **attributes)
    copy = helper.make_node("Identity", ["c"], ["y"])
    output = helper.make_tensor_value_info("y", dtype, dims)
    graph = helper.make_graph([node, copy], "main", [], [output])
    imports = [helper.make_opsetid("", 13)]
    return from_bytes(helper.make_model(graph, opset_imports=imports).SerializeToString())


def sparse(dims: Sequence[int]) -> onnx.SparseTensorProto:
    values = helper.make_tensor("v", TensorProto.FLOAT, [2], [3.0, 4.0])
    return helper.make_sparse_tensor(
        values, helper.make_tensor("i", TensorProto.INT64, [2], [1, 3]), dims
    )


def result(before: ir.Model) -> object:
    after = Constants().run(before, PassContext()).model
    assert [node.op_type for node in after.graph] == ["Identity"]
    return np.asarray(Session(after).run({})["y"]).tolist()


def test_a_sparse_tensor_becomes_dense() -> None:
    assert result(model(TensorProto.FLOAT, [5], sparse_value=sparse([5]))) == [0, 3, 0, 4, 0]


def test_a_sparse_tensor_that_would_fill_the_memory_is_refused() -> None:
    huge = model(TensorProto.FLOAT, [1 << 40], sparse_value=sparse([1 << 40]))
    with pytest.raises(ModelError, match="is too large to be dense"):
        Constants().run(huge, PassContext())


def test_strings() -> None:
    assert result(model(TensorProto.STRING, [], value_string="one")) == "one"
    assert result(model(TensorProto.STRING, [2], value_strings=["a", "ä"])) == ["a", "ä"]

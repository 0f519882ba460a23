"""Rules about files: sizes, external data, and weights that ONNX text cannot hold."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from graphfix.audit import audit, builtin_rules
from graphfix.finding import Finding, Severity
from graphfix.model import load
from graphfix.target import load_profile

SIZE = 1024
PROFILE = load_profile("Ascend310P3", "8.5")


def found(rule: str, path: Path) -> tuple[Finding, ...]:
    return audit(load(path), PROFILE, [builtin_rules()[rule]], path).findings


def model_with(weight: TensorProto, folder: Path) -> Path:
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "w"], ["y"], name="add")],
        "main",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [SIZE])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [SIZE])],
        [weight],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path = folder / "model.onnx"
    path.write_bytes(proto.SerializeToString())
    return path


def external(folder: Path, **more: str) -> Path:
    weight = numpy_helper.from_array(np.ones(SIZE, np.float32), "w")
    (folder / "weights.bin").write_bytes(weight.raw_data)
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    for key, value in {"location": "weights.bin", "length": str(4 * SIZE), **more}.items():
        weight.external_data.add(key=key, value=value)
    return model_with(weight, folder)


def test_a_checksum_is_read_as_the_length(tmp_path: Path) -> None:
    assert not found("GF171", external(tmp_path, offset="0"))
    (finding,) = found("GF171", external(tmp_path, checksum="abc"))
    assert finding.nodes == ("w",)
    assert "checksum" in finding.message


def test_external_data_in_a_branch_is_looked_for_elsewhere(tmp_path: Path) -> None:
    path = external(tmp_path)
    inner = onnx.load(str(path), load_external_data=False).graph
    del inner.input[:]
    other = helper.make_graph(
        [helper.make_node("Neg", ["x"], ["z"])], "other", [],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, [SIZE])],
    )  # fmt: skip
    constant = helper.make_node("Constant", [], ["k"], value=inner.initializer[0])
    pick = helper.make_node("If", ["c"], ["p"], name="pick", then_branch=inner, else_branch=other)
    graph = helper.make_graph(
        [pick, constant, helper.make_node("Add", ["p", "k"], ["q"])],
        "main",
        [
            helper.make_tensor_value_info("c", TensorProto.BOOL, []),
            helper.make_tensor_value_info("x", TensorProto.FLOAT, [SIZE]),
        ],
        [helper.make_tensor_value_info("q", TensorProto.FLOAT, [SIZE])],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path.write_bytes(proto.SerializeToString())
    (finding,) = found("GF171", path)
    assert finding.nodes == ("w",)
    assert "working folder" in finding.message


def test_a_file_beyond_two_gigabytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = model_with(numpy_helper.from_array(np.ones(SIZE, np.float32), "w"), tmp_path)
    assert not found("GF170", path)
    monkeypatch.setattr("graphfix.audit.rules.file_size.MOST", 15)
    assert [f.severity for f in found("GF170", path)] == [Severity.ERROR, Severity.INFO]


def test_sparse_weights_are_left_out(tmp_path: Path) -> None:
    dense = numpy_helper.from_array(np.ones(SIZE, np.float32), "w")
    path = model_with(dense, tmp_path)
    assert not found("GF138", path)
    proto = onnx.load(str(path))
    proto.graph.ClearField("initializer")
    values = numpy_helper.from_array(np.ones(1, np.float32), "w")
    indices = numpy_helper.from_array(np.array([2], np.int64), "w_indices")
    proto.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [SIZE]))
    path.write_bytes(proto.SerializeToString())
    (finding,) = found("GF138", path)
    assert finding.severity is Severity.WRONG


def test_constants_of_float8_stop_the_parser(tmp_path: Path) -> None:
    weight = helper.make_tensor("w", TensorProto.FLOAT8E4M3FN, [SIZE], [1.0] * SIZE)
    (finding,) = found("GF138", model_with(weight, tmp_path))
    assert finding.severity is Severity.ERROR

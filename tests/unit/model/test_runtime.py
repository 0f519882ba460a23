from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper

from graphfix.errors import ModelError, UsageError
from graphfix.model import for_runtime, from_text, load
from graphfix.model.sources import MemorySource
from graphfix.model.tensors import StoredTensor

TEXT = """<ir_version: 8, opset_import: ["" : 17]>
main (float[4] x) => (float[4] y, float[4] z) {
   [a] t = Neg(x)
   [a] u = Abs(t)
   [] y = Relu(u)
   [] z = Relu(t)
}"""


def output_names(proto: bytes) -> list[str]:
    return [output.name for output in onnx.ModelProto.FromString(proto).graph.output]


def test_outputs_are_added_after_the_models_own() -> None:
    runtime = for_runtime(from_text(TEXT), outputs=["u", "z", "x", "u"])
    assert output_names(runtime.proto) == ["y", "z", "u", "x"]
    assert runtime.weights == {}


def test_an_output_that_does_not_exist() -> None:
    with pytest.raises(UsageError) as caught:
        for_runtime(from_text(TEXT), outputs=["t", "nope"])
    assert str(caught.value) == "the model has no value 'nope'"


def test_node_names_are_repaired_for_the_runtime_only() -> None:
    model = from_text(TEXT)
    names = [node.name for node in onnx.ModelProto.FromString(for_runtime(model).proto).graph.node]
    assert names == ["a", "", "", ""]
    assert [node.name for node in model.graph][:2] == ["a", "a"]


def test_large_weights_are_given_by_reference(tmp_path: Path) -> None:
    arrays: dict[str, np.ndarray] = {
        "w": np.arange(2000, dtype=np.float32),
        "k": np.arange(3000, dtype=np.float32),
        "small": np.arange(10, dtype=np.float32),
        "shape": np.arange(4000, dtype=np.int64),
    }
    nodes = [
        helper.make_node("Constant", [], ["k"], value=numpy_helper.from_array(arrays["k"], "odd")),
        helper.make_node("Neg", ["k"], ["y"]),
    ]
    weights = [numpy_helper.from_array(arrays[name], name) for name in ("w", "small", "shape")]
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [3000])
    graph = helper.make_graph(nodes, "g", [], [y], weights)
    (tmp_path / "m.onnx").write_bytes(helper.make_model(graph, ir_version=8).SerializeToString())
    runtime = for_runtime(load(tmp_path / "m.onnx"))
    assert sorted(runtime.weights) == ["k", "w"]
    for name, array in runtime.weights.items():
        np.testing.assert_array_equal(array, arrays[name])
        assert not array.flags.owndata
    skeleton = onnx.ModelProto.FromString(runtime.proto)
    location = skeleton.graph.initializer[0].external_data[0].value
    assert (runtime.folder / location).is_file()


class Endless(MemorySource):
    def view(self, offset: int, length: int) -> memoryview:
        raise AssertionError("nobody needs these numbers")


def test_what_cannot_be_given_by_reference_is_refused_when_huge() -> None:
    model = from_text(
        '<ir_version: 10, opset_import: ["" : 21]> g (float[1] x) => (float[1] y) '
        "<float[1] w = {1}> { y = Neg(x) }"
    )
    value = model.graph.initializers["w"]
    size = 3 << 30
    value.const_value = StoredTensor(Endless(b""), 0, size, ir.DataType.INT4, (size * 2,))
    with pytest.raises(ModelError) as caught:
        for_runtime(model)
    assert str(caught.value) == (
        "3221225574 bytes of the model, more than 2 GB, cannot be given to onnxruntime by "
        "reference: weights inside functions, or with elements smaller than a byte"
    )

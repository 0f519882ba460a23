import os
import socket
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from graphfix.errors import GraphfixError, ModelError, UsageError
from graphfix.model import from_bytes, from_text, load
from graphfix.model.sources import FileSource


def relu_model(**graph: object) -> onnx.ModelProto:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])
    nodes = [helper.make_node("Relu", ["x"], ["y"], name="r")]
    fields = {"nodes": nodes, "name": "g", "inputs": [x], "outputs": [y], **graph}
    return helper.make_model(helper.make_graph(**fields), ir_version=8)  # type: ignore[arg-type]


def message(path: Path, expected: type[GraphfixError]) -> str:
    with pytest.raises(expected) as caught:
        load(path)
    assert type(caught.value) is expected
    return str(caught.value).replace(str(path.parent), "DIR")


def test_missing_file(tmp_path: Path) -> None:
    assert message(tmp_path / "no.onnx", UsageError) == "DIR/no.onnx: no such file"


def test_folder(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    assert message(tmp_path / "m", UsageError) == "DIR/m: is a folder; give the .onnx file in it"


def test_socket_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        assert message(path, UsageError) == "DIR/s: is not a plain file"


def test_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "m.onnx").write_bytes(b"x")

    def refuse(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    assert message(tmp_path / "m.onnx", UsageError) == (
        "DIR/m.onnx: cannot be read: Permission denied"
    )


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "the file is empty"),
        (
            b"PK\x03\x04rest",
            "not an ONNX file but a zip archive (a PyTorch file?); export it to ONNX first",
        ),
        (b"\x89PNG\r\n\x1a\n", "not an ONNX file but a PNG picture"),
        (
            b"version https://git-lfs.github.com/spec/v1\n",
            "not an ONNX file but a Git LFS pointer; run 'git lfs pull' first",
        ),
        (b"<!DOCTYPE html>", "not an ONNX file but a web page; the download failed"),
        (b"<\n ir_version: 8\n>", "not an ONNX file but ONNX text; name it .onnxtxt"),
        (
            b"hello world, no model here\n",
            (
                "not an ONNX file, or a damaged one (wire type 4 before byte 3); if it is a copy, "
                "its 27 bytes may be cut short"
            ),
        ),
        (b"\x08\x08", "not an ONNX model: there is no graph in it"),
    ],
)
def test_not_an_onnx_file(tmp_path: Path, content: bytes, complaint: str) -> None:
    (tmp_path / "m.onnx").write_bytes(content)
    assert message(tmp_path / "m.onnx", ModelError) == f"DIR/m.onnx: {complaint}"


def test_truncated_file(tmp_path: Path) -> None:
    weight = numpy_helper.from_array(np.zeros(4096, np.float32), "w")
    data = relu_model(initializer=[weight]).SerializeToString()
    (tmp_path / "m.onnx").write_bytes(data[:9000])
    assert message(tmp_path / "m.onnx", ModelError) == (
        "DIR/m.onnx: not an ONNX file, or a damaged one (field 7 at byte 2 is longer than what is "
        "left); if it is a copy, its 9000 bytes may be cut short"
    )


def test_text_that_is_not_onnx(tmp_path: Path) -> None:
    (tmp_path / "m.onnxtxt").write_text("main (")
    assert message(tmp_path / "m.onnxtxt", ModelError) == (
        "DIR/m.onnxtxt: not ONNX text: [ParseError at position (line: 1 column: 7)] Error context: "
        "main ( Identifier expected but not found."
    )
    (tmp_path / "m.onnxtxt").write_bytes(b"\xff")
    assert message(tmp_path / "m.onnxtxt", ModelError) == (
        "DIR/m.onnxtxt: not ONNX text: it is not UTF-8"
    )


def refused(proto: onnx.ModelProto) -> str:
    with pytest.raises(ModelError) as caught:
        from_bytes(proto.SerializeToString())
    return str(caught.value)


def test_two_nodes_with_one_output() -> None:
    nodes = [helper.make_node("Relu", ["x"], ["y"], name=name) for name in ("a", "")]
    assert refused(relu_model(nodes=nodes)) == (
        "an unnamed Relu produces 'y', which Relu 'a' defines already"
    )


def test_a_node_that_produces_a_graph_input() -> None:
    nodes = [helper.make_node("Relu", ["x"], ["x"], name="a")]
    assert refused(relu_model(nodes=nodes)) == (
        "Relu 'a' produces 'x', which a graph input defines already"
    )


def test_two_initializers_with_one_name() -> None:
    tensors = [numpy_helper.from_array(np.zeros(2, np.float32), "w")] * 2
    assert refused(relu_model(initializer=tensors)) == "two initializers are named 'w'"


def test_two_inputs_with_one_name() -> None:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2])
    assert refused(relu_model(inputs=[x, x])) == "two graph inputs are named 'x'"


def test_an_input_that_nothing_produces() -> None:
    nodes = [helper.make_node("Add", ["x", "gone"], ["y"], name="a")]
    assert refused(relu_model(nodes=nodes)) == (
        "Add 'a' reads 'gone', which nothing in the model produces"
    )


def test_an_output_that_nothing_produces() -> None:
    z = helper.make_tensor_value_info("z", TensorProto.FLOAT, [2])
    assert refused(relu_model(outputs=[z])) == "graph output 'z' is not produced by any node"


def test_a_subgraph_that_returns_a_value_of_the_graph_around_it() -> None:
    with pytest.raises(ModelError) as caught:
        from_text(
            """<ir_version: 8, opset_import: ["" : 16]>
            main (float[2] x, bool c) => (float[2] y) {
              y = If (c) <then_branch = t () => (float[2] x) {},
                          else_branch = e () => (float[2] n) { n = Neg(x) }>
            }"""
        )
    assert str(caught.value) == (
        "an unnamed If: a subgraph returns 'x' of the graph around it directly; it needs an "
        "Identity node in between"
    )


def test_nodes_that_form_a_cycle() -> None:
    nodes = [
        helper.make_node("Add", ["x", "b"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Relu", ["a"], ["y"]),
    ]
    assert refused(relu_model(nodes=nodes)) == "the nodes form a cycle"


def test_two_versions_of_one_domain() -> None:
    proto = relu_model()
    proto.opset_import.append(helper.make_opsetid("ai.onnx", 3))
    version = proto.opset_import[0].version
    assert refused(proto) == (
        f"the model imports version {version} and version 3 of domain 'ai.onnx'"
    )


def test_attribute_twice() -> None:
    node = helper.make_node("Softmax", ["x"], ["y"], name="s", axis=0)
    node.attribute.append(helper.make_attribute("axis", 1))
    assert refused(relu_model(nodes=[node])) == "Softmax 's' has an attribute twice"


@pytest.mark.parametrize("size", [1 << 40, (1 << 62)])
def test_hostile_shape_allocates_nothing(size: int) -> None:
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[size, 4], raw_data=b"1234")
    assert refused(relu_model(initializer=[weight])) == (
        f"tensor 'w' of type FLOAT and shape [{size}, 4] needs {16 * size} bytes, but 4 are stored"
    )


def test_negative_dimension_of_a_tensor() -> None:
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[-1, 4], raw_data=b"1234")
    assert refused(relu_model(initializer=[weight])) == (
        "tensor 'w' has a negative dimension: [-1, 4]"
    )


def test_too_few_typed_numbers() -> None:
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4], float_data=[1, 2])
    assert refused(relu_model(initializer=[weight])) == (
        "tensor 'w' of type FLOAT and shape [4] needs 16 bytes, but 8 are stored"
    )


def test_too_few_strings() -> None:
    weight = TensorProto(name="w", data_type=TensorProto.STRING, dims=[2], string_data=[b"a"])
    assert refused(relu_model(initializer=[weight])) == "tensor 'w' of shape [2] has 1 strings"


def test_unknown_element_type() -> None:
    weight = TensorProto(name="w", data_type=99, dims=[0])
    assert refused(relu_model(initializer=[weight])) == "tensor 'w' has the unknown type 99"


def test_name_that_is_not_text() -> None:
    data = relu_model().SerializeToString().replace(b"Relu", b"R\xfflu")
    with pytest.raises(ModelError) as caught:
        from_bytes(data)
    assert str(caught.value) == (r"the name or text b'R\xfflu' is not UTF-8; the file is damaged")


def test_graphs_nested_without_end() -> None:
    graph = b"\x12" + bytes([5]) + b"g" * 5 + b"\x7a\x00" + b"\x52\x88\x27" + b"d" * 5000
    for _ in range(300):
        attribute = b"\x32" + _varint(len(graph)) + graph
        node = b"\x2a" + _varint(len(attribute)) + attribute
        graph = b"\x0a" + _varint(len(node)) + node
    with pytest.raises(ModelError, match="messages are nested deeper than 100 levels"):
        from_bytes(b"\x3a" + _varint(len(graph)) + graph)


def _varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def test_external_data_needs_a_path() -> None:
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4])
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="w.bin")
    assert refused(relu_model(initializer=[weight])) == (
        "the data of tensor 'w' is in another file ('w.bin'); load the model from its path, so "
        "that the file can be found"
    )


def test_a_file_is_closed_when_nobody_needs_it(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(relu_model().SerializeToString())
    before = len(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else 0
    for _ in range(20):
        load(tmp_path / "m.onnx")
    source = FileSource(tmp_path / "m.onnx")
    del source
    after = len(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else 0
    assert after <= before + 2

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from graphfix.errors import GraphfixError, ModelError
from graphfix.model import digest, load, save
from graphfix.model.external import _HELD_OPEN
from graphfix.model.tensors import StoredTensor

NUMBERS = np.arange(2048, dtype=np.float32)


def external_model(
    location: str, entries: Mapping[str, str] = MappingProxyType({}), count: int = 1
) -> bytes:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2048])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [2048])
    weights, nodes, previous = [], [], "x"
    for index in range(count):
        weight = TensorProto(name=f"w{index}", data_type=TensorProto.FLOAT, dims=[2048])
        weight.data_location = TensorProto.EXTERNAL
        weight.external_data.add(key="location", value=location.format(index))
        for key, value in entries.items():
            weight.external_data.add(key=key, value=value)
        weights.append(weight)
        output = "y" if index == count - 1 else f"v{index}"
        nodes.append(helper.make_node("Add", [previous, weight.name], [output]))
        previous = output
    graph = helper.make_graph(nodes, "g", [x], [y], weights)
    return bytes(helper.make_model(graph, ir_version=8).SerializeToString())


def numbers(path: Path, name: str = "w0") -> np.ndarray:
    tensor = load(path).graph.initializers[name].const_value
    assert isinstance(tensor, StoredTensor)
    return tensor.numpy()


def message(path: Path) -> str:
    with pytest.raises(GraphfixError) as caught:
        load(path)
    assert type(caught.value) is ModelError
    return str(caught.value).replace(str(path.parent), "DIR").replace(str(path.parents[1]), "UP")


def test_data_beside_the_model_and_below(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for location in ("w.bin", "sub/w.bin", "./w.bin"):
        NUMBERS.tofile(tmp_path / location)
        (tmp_path / "m.onnx").write_bytes(external_model(location))
        array = numbers(tmp_path / "m.onnx")
        np.testing.assert_array_equal(array, NUMBERS)
        assert not array.flags.writeable


def test_offset_and_length(tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(b"abc" + NUMBERS.tobytes() + b"end")
    data = external_model("w.bin", {"offset": "3", "length": str(NUMBERS.nbytes), "checksum": "0"})
    (tmp_path / "m.onnx").write_bytes(data)
    np.testing.assert_array_equal(numbers(tmp_path / "m.onnx"), NUMBERS)


def test_a_relative_path_to_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    NUMBERS.tofile(tmp_path / "w.bin")
    (tmp_path / "m.onnx").write_bytes(external_model("w.bin"))
    monkeypatch.chdir(tmp_path)
    np.testing.assert_array_equal(numbers(Path("m.onnx")), NUMBERS)


def test_missing_data_file(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(external_model("w.bin"))
    assert message(tmp_path / "m.onnx") == (
        "DIR/m.onnx: external data 'w.bin' is missing; copy it into DIR"
    )


def test_data_file_that_is_too_short(tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(b"1234")
    (tmp_path / "m.onnx").write_bytes(external_model("w.bin"))
    assert message(tmp_path / "m.onnx") == (
        "DIR/m.onnx: tensor 'w0' needs bytes 0 to 8192 of 'w.bin', which has 4; copy the data file "
        "again, it is cut short or another model's"
    )


@pytest.mark.parametrize("entries", [{"offset": "-1"}, {"length": "-8192"}])
def test_places_before_the_file(tmp_path: Path, entries: dict[str, str]) -> None:
    NUMBERS.tofile(tmp_path / "w.bin")
    (tmp_path / "m.onnx").write_bytes(external_model("w.bin", entries))
    assert "of 'w.bin', which has 8192; copy the data file again" in message(tmp_path / "m.onnx")


def test_a_place_that_is_no_number(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(external_model("w.bin", {"offset": "x"}))
    assert message(tmp_path / "m.onnx") == (
        "DIR/m.onnx: tensor 'w0': its place in 'w.bin' is damaged"
    )


def test_length_of_another_shape(tmp_path: Path) -> None:
    NUMBERS.tofile(tmp_path / "w.bin")
    (tmp_path / "m.onnx").write_bytes(external_model("w.bin", {"length": "4096"}))
    assert message(tmp_path / "m.onnx") == (
        "DIR/m.onnx: tensor 'w0' of type FLOAT and shape [2048] needs 8192 bytes, but 4096 are "
        "stored"
    )


@pytest.mark.parametrize(
    "location", ["../w.bin", "sub/../../w.bin", "/etc/passwd", "..\\w.bin", "C:\\w.bin", "", "a\0b"]
)
def test_locations_outside_the_folder(tmp_path: Path, location: str) -> None:
    (tmp_path / "in").mkdir()
    NUMBERS.tofile(tmp_path / "w.bin")
    (tmp_path / "in/m.onnx").write_bytes(external_model(location))
    assert message(tmp_path / "in/m.onnx") == (
        f"DIR/m.onnx: external data {location!r} is outside the folder of the model; only files "
        f"beside the model or below are read"
    )


def test_a_link_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    NUMBERS.tofile(tmp_path / "w.bin")
    (tmp_path / "in/w.bin").symlink_to("../w.bin")
    (tmp_path / "in/m.onnx").write_bytes(external_model("w.bin"))
    assert message(tmp_path / "in/m.onnx") == (
        "DIR/m.onnx: external data 'w.bin' leads to UP/w.bin, outside the folder of the model; "
        "only files beside the model or below are read"
    )


def test_a_link_within_the_folder(tmp_path: Path) -> None:
    NUMBERS.tofile(tmp_path / "real.bin")
    (tmp_path / "w.bin").symlink_to("real.bin")
    (tmp_path / "m.onnx").write_bytes(external_model("w.bin"))
    np.testing.assert_array_equal(numbers(tmp_path / "m.onnx"), NUMBERS)


def test_the_cache_of_a_model_hub(tmp_path: Path) -> None:
    """Model and data are both links into a folder of blobs."""
    (tmp_path / "blobs").mkdir()
    snapshot = tmp_path / "snapshots/x/onnx"
    snapshot.mkdir(parents=True)
    NUMBERS.tofile(tmp_path / "blobs/def")
    (tmp_path / "blobs/abc").write_bytes(external_model("model.onnx_data"))
    (snapshot / "model.onnx").symlink_to("../../../blobs/abc")
    (snapshot / "model.onnx_data").symlink_to("../../../blobs/def")
    np.testing.assert_array_equal(numbers(snapshot / "model.onnx"), NUMBERS)
    (snapshot / "model.onnx_data").unlink()
    (snapshot / "model.onnx_data").symlink_to("/etc/passwd")
    assert "leads to /etc/passwd, outside the folder of the model" in message(
        snapshot / "model.onnx"
    )


def test_a_folder_instead_of_a_data_file(tmp_path: Path) -> None:
    (tmp_path / "w.bin").mkdir()
    (tmp_path / "m.onnx").write_bytes(external_model("w.bin"))
    assert message(tmp_path / "m.onnx") == ("DIR/m.onnx: external data 'w.bin' is not a plain file")


def test_more_data_files_than_file_descriptors(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    count = 400
    for index in range(count):
        (NUMBERS + index).tofile(tmp_path / f"w{index}.bin")
    (tmp_path / "m.onnx").write_bytes(external_model("w{}.bin", count=count))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = len(os.listdir("/dev/fd"))  # other tests may have left some open
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 200, hard))
    try:
        model = load(tmp_path / "m.onnx")
        arrays = [tensor.numpy() for tensor in model.graph.initializers.tensors()]
        written = save(model, tmp_path / "one.onnx")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    np.testing.assert_array_equal(arrays[399], NUMBERS + 399)
    assert written == (tmp_path / "one.onnx",)
    assert digest(load(tmp_path / "one.onnx")) == digest(model)
    onnx.checker.check_model(str(tmp_path / "one.onnx"))


def test_a_data_file_that_changes_behind_our_back(tmp_path: Path) -> None:
    count = _HELD_OPEN + 1
    for index in range(count):
        NUMBERS.tofile(tmp_path / f"w{index}.bin")
    (tmp_path / "m.onnx").write_bytes(external_model("w{}.bin", count=count))
    model = load(tmp_path / "m.onnx")
    last = tmp_path / f"w{count - 1}.bin"
    os.utime(last, (1, 1))
    with pytest.raises(ModelError) as caught:
        save(model, tmp_path / "out.onnx")
    assert str(caught.value) == (
        f"{last}: changed after the model was loaded; load the model again"
    )
    assert not [path for path in tmp_path.iterdir() if "out.onnx" in path.name]

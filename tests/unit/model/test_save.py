import errno
import os
from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper

from graphfix.errors import GraphfixError, ModelError, UsageError
from graphfix.model import check, digest, from_text, load, save
from graphfix.model.sources import FileSource, MemorySource
from graphfix.model.tensors import StoredTensor

KIB, MIB = 1 << 10, 1 << 20


def weights_model(*sizes: int) -> onnx.ModelProto:
    """Return a sum of weights of so many bytes, each shaped [1, n]."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, None])
    random = np.random.default_rng(0)
    weights, nodes, previous = [], [], "x"
    for index, size in enumerate(sizes):
        array = random.standard_normal((1, size // 4), dtype=np.float32)
        weights.append(numpy_helper.from_array(array, f"w{index}"))
        output = "y" if index == len(sizes) - 1 else f"v{index}"
        nodes.append(helper.make_node("Add", [previous, f"w{index}"], [output], name=f"a{index}"))
        previous = output
    return helper.make_model(helper.make_graph(nodes, "g", [x], [y], weights), ir_version=8)


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    path = tmp_path / "m.onnx"
    path.write_bytes(weights_model(4, 8 * KIB, 2 * MIB).SerializeToString())
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_one_file(model_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.onnx"
    assert save(load(model_file), out) == (out,)
    assert onnx.load(out) == onnx.load(model_file)
    assert names(tmp_path) == ["m.onnx", "out.onnx"]


def test_external_data(model_file: Path, tmp_path: Path) -> None:
    (tmp_path / "to").mkdir()
    out = tmp_path / "to/out.onnx"
    assert save(load(model_file), out, external=True) == (out, tmp_path / "to/out.onnx.data")
    pairs = zip(
        onnx.load(out).graph.initializer, onnx.load(model_file).graph.initializer, strict=True
    )
    for after, before in pairs:
        np.testing.assert_array_equal(numpy_helper.to_array(after), numpy_helper.to_array(before))
    entries = [
        {entry.key: entry.value for entry in tensor.external_data}
        for tensor in onnx.load(out, load_external_data=False).graph.initializer
    ]
    assert entries == [
        {},
        {"location": "out.onnx.data", "offset": "0", "length": str(8 * KIB)},
        {"location": "out.onnx.data", "offset": str(8 * KIB), "length": str(2 * MIB)},
    ]
    assert digest(load(out)) == digest(load(model_file))
    assert save(load(out), tmp_path / "again.onnx") == (tmp_path / "again.onnx",)
    assert onnx.load(tmp_path / "again.onnx") == onnx.load(model_file)


def test_external_data_near_two_gigabytes(
    model_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graphfix.model.io._ONE_FILE_LIMIT", MIB)
    out = tmp_path / "out.onnx"
    assert save(load(model_file), out) == (out, tmp_path / "out.onnx.data")
    assert digest(load(out)) == digest(load(model_file))


class Endless(MemorySource):
    """A source that claims more than it has."""

    def view(self, offset: int, length: int) -> memoryview:
        raise AssertionError("nobody needs these numbers")


def test_more_than_one_file_can_hold(tmp_path: Path) -> None:
    model = from_text(
        '<ir_version: 8, opset_import: ["" : 16]> main (float[1] x) => (float[N] y) '
        "<float[1] w = {1}> { y = Add(x, w) }"
    )
    size = 3 << 30
    huge = StoredTensor(Endless(b""), 0, size, ir.DataType.FLOAT, (size // 4,), name="w")
    model.graph.initializers["w"].const_value = huge
    with pytest.raises(ModelError) as caught:
        save(model, tmp_path / "m.onnx", external=False)
    assert str(caught.value) == (
        f"{tmp_path}/m.onnx: 3221225581 bytes do not fit into one file (2 GB); let the weights go "
        f"into a file beside it"
    )


def test_over_the_file_it_came_from(model_file: Path, tmp_path: Path) -> None:
    model = load(model_file)
    expected = digest(model)
    for _ in range(2):
        save(model, model_file)
    assert digest(load(model_file)) == expected
    save(model, model_file, external=True)
    again = load(model_file)
    save(again, model_file, external=True)
    assert digest(load(model_file)) == expected
    assert names(tmp_path) == ["m.onnx", "m.onnx.data"]
    np.testing.assert_array_equal(
        model.graph.initializers["w2"].const_value.numpy(),  # type: ignore[union-attr]
        load(model_file).graph.initializers["w2"].const_value.numpy(),  # type: ignore[union-attr]
    )


def test_a_link_is_replaced_not_followed(model_file: Path, tmp_path: Path) -> None:
    (tmp_path / "link.onnx").symlink_to("m.onnx")
    before = model_file.read_bytes()
    save(
        from_text(
            '<ir_version: 8, opset_import: ["" : 16]> main (float[1] x) => (float[1] y) '
            "{ y = Neg(x) }"
        ),
        tmp_path / "link.onnx",
    )
    assert not (tmp_path / "link.onnx").is_symlink()
    assert model_file.read_bytes() == before


def test_text(tmp_path: Path) -> None:
    model = from_text(
        '<ir_version: 8, opset_import: ["" : 16]> main (float[1] x) => (float[1] y) '
        "<float[2] w = {1, 2}> { y = Neg(x) }"
    )
    for name in ("m.onnxtxt", "m.textproto"):
        save(model, tmp_path / name)
        assert digest(load(tmp_path / name)) == digest(model)


ARRAYS = [
    np.arange(5000, dtype=np.float32)[::-2],
    np.asfortranarray(np.arange(6000, dtype=np.int16).reshape(60, 100)),
    np.array(3.5),
    np.zeros((0, 4), np.float16),
    np.arange(300).astype(ml_dtypes.bfloat16),
    np.arange(9000).astype(ml_dtypes.float8_e4m3fn),
    (np.arange(9001) % 8).astype(ml_dtypes.int4),
    (np.arange(10) % 4).astype(ml_dtypes.uint2),
    np.arange(700, dtype=np.complex64),
    np.arange(9000) % 3 == 0,
]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype}{array.shape}")
@pytest.mark.parametrize("external", [False, True])
def test_changed_weights(tmp_path: Path, array: np.ndarray, external: bool) -> None:
    model = from_text(
        '<ir_version: 10, opset_import: ["" : 21]> main (float[1] x) => (float[1] y) { y = Neg(x) }'
    )
    model.graph.register_initializer(ir.Value(name="w", const_value=ir.Tensor(array, name="other")))
    save(model, tmp_path / "m.onnx", external=external)
    value = load(tmp_path / "m.onnx").graph.initializers["w"]
    assert value.const_value is not None
    loaded = value.const_value.numpy()
    assert loaded.dtype == array.dtype
    assert loaded.shape == array.shape
    assert loaded.tobytes() == array.tobytes()
    assert digest(load(tmp_path / "m.onnx")) == digest(model)


def test_a_tensor_that_lies_about_its_size(tmp_path: Path) -> None:
    model = from_text(
        '<ir_version: 8, opset_import: ["" : 16]> main (float[1] x) => (float[1] y) { y = Neg(x) }'
    )
    tensor = ir.LazyTensor(
        lambda: ir.Tensor(np.zeros(10, np.float32)),
        dtype=ir.DataType.FLOAT,
        shape=ir.Shape([5000]),
        name="w",
    )
    model.graph.register_initializer(ir.Value(name="w", const_value=tensor))
    with pytest.raises(ModelError) as caught:
        save(model, tmp_path / "m.onnx")
    assert str(caught.value) == (
        "tensor 'w' of type FLOAT and shape [5000] has 40 bytes instead of 20000"
    )
    assert names(tmp_path) == []


def complaint(model_file: Path, out: Path, expected: type[GraphfixError]) -> str:
    with pytest.raises(expected) as caught:
        save(load(model_file), out)
    assert type(caught.value) is expected
    return str(caught.value).replace(str(model_file.parent), "DIR")


def test_folder_that_does_not_exist(model_file: Path, tmp_path: Path) -> None:
    assert complaint(model_file, tmp_path / "no/out.onnx", UsageError) == (
        "DIR/no/out.onnx: the folder DIR/no does not exist; create it first"
    )


def test_folder_as_the_target(model_file: Path, tmp_path: Path) -> None:
    assert complaint(model_file, tmp_path, UsageError) == (
        "DIR: is a folder; give a file name in it"
    )


def test_folder_that_cannot_be_written(
    model_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def refuse(path: Path, flags: int, *args: int) -> int:
        if flags & os.O_CREAT:
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, flags, *args)

    monkeypatch.setattr(os, "open", refuse)
    assert complaint(model_file, tmp_path / "out.onnx", UsageError) == (
        "DIR/out.onnx: cannot be written: Permission denied; choose another folder"
    )


@pytest.mark.parametrize("external", [False, True])
def test_full_disk(model_file: Path, tmp_path: Path, external: bool) -> None:
    """A limit on the size of files stands for the full disk: the kernel refuses to write on."""
    resource = pytest.importorskip("resource")
    out = tmp_path / "out.onnx"
    out.write_bytes(b"precious")
    model = load(model_file)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MIB, hard))
    try:
        with pytest.raises(ModelError) as caught:
            save(model, out, external=external)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert str(caught.value) == (
        f"{out}: cannot be written, no space left: 2.1 MB are needed in {tmp_path}; make room or "
        f"choose another folder"
    )
    assert names(tmp_path) == ["m.onnx", "out.onnx"]
    assert out.read_bytes() == b"precious"


def test_disk_that_is_full_in_the_middle(
    model_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", refuse)
    assert complaint(model_file, tmp_path / "out.onnx", ModelError) == (
        "DIR/out.onnx: cannot be written, no space left: 2.1 MB are needed in DIR; make room or "
        "choose another folder"
    )
    assert names(tmp_path) == ["m.onnx"]


def test_an_interrupt_leaves_nothing_behind(
    model_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(FileSource, "copy_to", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save(load(model_file), tmp_path / "out.onnx")
    assert names(tmp_path) == ["m.onnx"]


def test_where_the_kernel_cannot_copy(
    model_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "copy_file_range", refuse, raising=False)
    save(load(model_file), tmp_path / "out.onnx")
    assert (tmp_path / "out.onnx").read_bytes() == model_file.read_bytes()


def test_permissions_follow_the_umask(model_file: Path, tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        save(load(model_file), tmp_path / "out.onnx")
    finally:
        os.umask(old)
    assert (tmp_path / "out.onnx").stat().st_mode & 0o777 == 0o640


def test_a_value_without_name_is_refused(tmp_path: Path) -> None:
    model = from_text(
        '<ir_version: 8, opset_import: ["" : 16]> main (float[1] x) => (float[1] y) { y = Neg(x) }'
    )
    model.graph.inputs[0].name = None
    with pytest.raises(ModelError) as caught:
        save(model, tmp_path / "m.onnx")
    assert str(caught.value) == "a value has no name; give it one before the model is written"
    with pytest.raises(ModelError):
        check(model)

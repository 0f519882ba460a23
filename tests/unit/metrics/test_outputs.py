"""Folders of outputs, as ais_bench names them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from graphfix.errors import UsageError
from graphfix.metrics import Layout, find_outputs, parse_dtype, parse_shape, read_output

X = np.arange(6, dtype=np.float32).reshape(2, 3)


def test_files_of_one_output_by_their_stems(tmp_path: Path) -> None:
    for name in (
        "img_1_0.bin",
        "img_1_1.bin",
        "s.0_0.npy",
        "a_0.txt",
        "sumary.json",
        "b_0.bin.md5",
    ):
        (tmp_path / name).touch()
    (tmp_path.parent / "other_0.bin").touch()

    assert sorted(find_outputs(tmp_path)) == ["a", "img_1", "s.0"]
    assert dict(find_outputs(tmp_path, 1)) == {"img_1": tmp_path / "img_1_1.bin"}


@pytest.mark.parametrize("dtype", ["float32", "float16", "int64", "uint8", "bool"])
def test_the_three_formats_say_the_same(tmp_path: Path, dtype: str) -> None:
    array = (X > 2).astype(dtype) if dtype == "bool" else X.astype(dtype)
    array.tofile(tmp_path / "x_0.bin")
    np.save(tmp_path / "y_0.npy", array)
    rows = "".join("".join(f"{value:g} " for value in row) + "\n" for row in array.astype(float))
    (tmp_path / "z_0.txt").write_text(rows)

    layout = Layout(dtype=dtype, shape=(2, 3))
    for path in find_outputs(tmp_path).values():
        found = read_output(path, layout)
        assert found.dtype == dtype
        assert np.array_equal(found, array)


def test_without_a_layout_a_bin_is_flat_and_a_text_has_rows(tmp_path: Path) -> None:
    X.tofile(tmp_path / "x_0.bin")
    (tmp_path / "z_0.txt").write_text("0 1 2 \n3 4 nan \n")

    assert np.array_equal(read_output(tmp_path / "x_0.bin", Layout()), X.reshape(-1))
    text = read_output(tmp_path / "z_0.txt", Layout())
    assert text.shape == (2, 3)
    assert np.isnan(text[1, 2])


def test_one_size_is_worked_out(tmp_path: Path) -> None:
    X.tofile(tmp_path / "x_0.bin")

    assert read_output(tmp_path / "x_0.bin", Layout(shape=(1, None, 3))).shape == (1, 2, 3)


def save(array: np.ndarray) -> Callable[[Path], None]:
    return lambda path: np.save(path, array, allow_pickle=True)


def data(content: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(content)

    return write


def header(text: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


@pytest.mark.parametrize(
    ("name", "write", "layout", "message"),
    [
        (
            "a_0.bin",
            data(bytes(20)),
            Layout(shape=(2, 3)),
            (
                "holds 5 numbers (float32), which do not fit the shape 2,3; check shape, "
                "dtype and the number of the output"
            ),
        ),
        (
            "a_0.bin",
            data(bytes(16)),
            Layout(shape=(None, 3)),
            (
                "holds 4 numbers (float32), which do not fit the shape ?,3; check shape, "
                "dtype and the number of the output"
            ),
        ),
        (
            "a_0.bin",
            data(b""),
            Layout(shape=(2, 3)),
            (
                "holds 0 numbers (float32), which do not fit the shape 2,3; check shape, "
                "dtype and the number of the output"
            ),
        ),
        (
            "a_0.bin",
            data(bytes(7)),
            Layout(),
            "cannot be read: 7 bytes are no whole number of float32; check the dtype",
        ),
        ("a_0.npy", save(np.array(["x"])), Layout(), "holds <U1, which are no numbers"),
    ],
)
def test_a_file_that_does_not_fit_is_named(
    tmp_path: Path, name: str, write: Callable[[Path], None], layout: Layout, message: str
) -> None:
    write(tmp_path / name)
    with pytest.raises(UsageError) as error:
        read_output(tmp_path / name, layout)
    assert str(error.value) == f"{tmp_path / name}: {message}"


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a_0.npy", data(b"")),
        ("a_0.npy", data(b"\x93NUMPY")),
        ("a_0.npy", data(header("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3}"))),
        (
            "a_0.npy",
            data(header("{'descr': '<f4', 'fortran_order': False, 'shape': (9" + "9" * 30)),
        ),
        (
            "a_0.npy",
            data(header(f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({2**70},)}}")),
        ),
        ("a_0.npy", save(np.array([{}], dtype=object))),
        ("a_0.txt", data(b"1 2 three")),
        ("a_0.txt", data(b"\xff\xfe")),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, name: str, write: Callable[[Path], None]) -> None:
    write(tmp_path / name)
    with pytest.raises(UsageError, match=r"a_0\.\w+: cannot be read: "):
        read_output(tmp_path / name, Layout())


@pytest.mark.parametrize(
    ("names", "index", "message"),
    [
        ((), 0, "no file called <sample>_0.bin, .npy or .txt in this folder"),
        (("a_1.bin", "a_2.bin"), 0, "no file of output 0; there are outputs 1, 2"),
    ],
)
def test_a_folder_without_the_output(
    tmp_path: Path, names: tuple[str, ...], index: int, message: str
) -> None:
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(UsageError) as error:
        find_outputs(tmp_path, index)
    assert str(error.value) == f"{tmp_path}: {message}"


def test_a_sample_in_two_formats_is_refused(tmp_path: Path) -> None:
    for name in ("a_0.bin", "a_0.npy"):
        (tmp_path / name).touch()
    with pytest.raises(UsageError) as error:
        find_outputs(tmp_path)
    assert str(error.value) == (
        f"{tmp_path / 'a_0.npy'}: sample 'a' has a_0.bin as well; remove the one of the older run"
    )


def test_shapes_and_dtypes_as_text() -> None:
    assert parse_shape("1, 1000") == (1, 1000)
    assert parse_shape("1,-1,4") == parse_shape("1,?,4") == (1, None, 4)
    assert parse_dtype("float16") == "float16"
    for text in ("", "1,x", "?,?", "1,,2", "-3", "0", "1,²"):
        with pytest.raises(UsageError, match="shape"):
            parse_shape(text)
    for text in (
        "float31",
        "object",
        "str",
        "datetime64",
        "complex64",
        "f4,f4",
        "(2,)f4",
        "{",
        ",",
    ):
        with pytest.raises(UsageError, match="dtype"):
            parse_dtype(text)

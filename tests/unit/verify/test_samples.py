"""Feeds from files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from graphfix.errors import UsageError
from graphfix.model import from_text
from graphfix.verify import FeedSet, ModelInput, Status, load_data, model_inputs
from graphfix.verify.reproducer import save_feeds
from tests.unit.verify.drive import drive, model

X = np.arange(6, dtype=np.float32).reshape(2, 3)
Z = np.array([3, 1], np.int64)


@pytest.fixture
def two() -> tuple[ModelInput, ...]:
    return model_inputs(from_text(model("y = Gather (x, z)", "float[2,N] x, int64[M] z")))


@pytest.fixture
def one() -> tuple[ModelInput, ...]:
    return model_inputs(from_text(model("y = Relu (x)", "float[2,N] x")))


def test_npz_with_the_names_of_the_inputs(tmp_path: Path, two: tuple[ModelInput, ...]) -> None:
    np.savez(tmp_path / "s.npz", x=X, z=Z)
    (found,) = load_data(tmp_path / "s.npz", two)

    assert np.array_equal(found.feed["x"], X)
    assert np.array_equal(found.feed["z"], Z)
    assert found.label == str(tmp_path / "s.npz")


def test_single_array_for_a_single_input(tmp_path: Path, one: tuple[ModelInput, ...]) -> None:
    np.save(tmp_path / "a.npy", X)
    X.tofile(tmp_path / "b.bin")

    for name in ("a.npy", "b.bin"):
        (found,) = load_data(tmp_path / name, one)
        assert np.array_equal(found.feed["x"], X)


def test_folder_of_samples(tmp_path: Path, one: tuple[ModelInput, ...]) -> None:
    for k in range(12):
        np.save(tmp_path / f"{k:02}.npy", X + k)
    found = load_data(tmp_path, one)

    assert [int(item.feed["x"][0, 0]) for item in found] == list(range(8))


def test_folder_of_one_file_per_input(tmp_path: Path) -> None:
    text = '<ir_version: 8, opset_import: ["" : 17]> main (float[2,3] "in/x:0", float[3] z) => '
    inputs = model_inputs(from_text(text + '(float[2,3] y) { y = Add ("in/x:0", z) }'))
    np.save(tmp_path / "in_x_0.npy", X)
    X[0].tofile(tmp_path / "z.bin")
    (found,) = load_data(tmp_path, inputs)

    assert np.array_equal(found.feed["in/x:0"], X)
    assert np.array_equal(found.feed["z"], X[0])


def write_pickle(folder: Path) -> Path:
    np.save(folder / "p.npy", np.array([{}], dtype=object), allow_pickle=True)
    return folder / "p.npy"


def write(name: str, content: bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return make


def save(name: str, **arrays: Any) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        np.savez(folder / name, **arrays)
        return folder / name

    return make


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: folder / "none.npz", "no such file or folder of samples"),
        (lambda folder: folder, "no .npz, .npy or .bin file in this folder"),
        (write_pickle, "not a readable .npy file: Object arrays cannot be loaded when allow"),
        (write("a.npz", b"no zip"), "not a readable .npz file: "),
        (write("a.npy", b"\x93NUMPY"), "not a readable .npy file: "),
        (write("a.txt", b"1 2 3"), "samples are .npz, .npy or .bin files"),
        (write("a.bin", b"12345"), "5 bytes do not fit x: float32[2,N]"),
        (save("a.npz", q=X), "key 'q' is not an input; inputs: x"),
        (save("a.npz", x=X.astype(np.float64)),
         "key 'x' is float64, input 'x' takes float32"),
        (save("a.npz", x=X.T.copy()), "key 'x' has shape [3,2], input 'x' takes [2,N]"),
        (save("a.npz"), "no array for input 'x'"),
    ],
)  # fmt: skip
def test_files_that_do_not_fit_are_named(
    tmp_path: Path, one: tuple[ModelInput, ...], make: Callable[[Path], Path], message: str
) -> None:
    path = make(tmp_path)
    with pytest.raises(UsageError) as error:
        load_data(path, one)
    assert str(error.value).startswith(str(path))
    assert message in str(error.value)


def test_one_array_for_two_inputs_is_refused(tmp_path: Path, two: tuple[ModelInput, ...]) -> None:
    np.save(tmp_path / "a.npy", X)
    with pytest.raises(UsageError, match=r"one array, but the model has 2 inputs \(x, z\)"):
        load_data(tmp_path / "a.npy", two)


def test_every_dtype_survives_the_file(tmp_path: Path) -> None:
    words = np.array(["a", "zwölf", ""], dtype=object)
    arrays = {
        "bfloat16": X.astype(ml_dtypes.bfloat16),
        "float8e4m3fn": X.astype(ml_dtypes.float8_e4m3fn),
        "bool": X > 2,
        "string": words,
    }
    for name, array in arrays.items():
        text = model("y = Identity (x)", f"{name}[{','.join(map(str, array.shape))}] x")
        save_feeds(tmp_path / "x.npz", FeedSet("", {"x": array}))
        (found,) = load_data(tmp_path / "x.npz", model_inputs(from_text(text)))
        assert found.feed["x"].dtype == array.dtype
        assert (found.feed["x"] == array).all()


def test_data_replaces_the_seeded_feeds(tmp_path: Path) -> None:
    before, after = model("y = Relu (x)"), model("y = Abs (x)")
    np.save(tmp_path / "x.npy", X)
    run = drive(before, after, data=tmp_path / "x.npy")

    assert run.first.status is Status.PASSED  # nothing negative in this sample
    assert run.first.feeds == (str(tmp_path / "x.npy"),)
    assert drive(before, after).first.status is Status.FAILED


def test_sequences_come_from_numbered_keys(tmp_path: Path) -> None:
    text = '<ir_version: 8, opset_import: ["" : 17]> main (seq(float[n]) s) => (float[m] y) '
    text += "{ y = ConcatFromSequence <axis = 0> (s) }"
    save_feeds(tmp_path / "s.npz", FeedSet("", {"s": [X[0], X[1]]}))
    run = drive(text, text, data=tmp_path / "s.npz")

    assert run.first.status is Status.PASSED
    assert drive(text, text).first.reason == "input 's' is a sequence"

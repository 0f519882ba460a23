"""What StarNet's adapters make of pictures, and of scores."""

import io
import zlib
from pathlib import Path

import lmdb
import numpy as np
import pytest
from PIL import Image

from graphfix.adapter import Adapter
from graphfix.contract import Array
from graphfix.errors import UsageError
from graphfix_adapters.starnet import Rare, StarNet

CHARACTERS = "0123456789abcdefghijklmnopqrstuvwxyz"


def picture(height: int, width: int) -> bytes:
    pixels = (np.arange(height * width * 3) ** 2 // 7 % 256).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels.reshape(height, width, 3)).save(stream, "PNG")
    return stream.getvalue()


def write(folder: Path, *words: tuple[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with lmdb.open(str(folder)) as environment, environment.begin(write=True) as view:
        view.put(b"num-samples", str(len(words)).encode())
        for number, (text, image) in enumerate(words, start=1):
            view.put(f"label-{number:09}".encode(), text.encode())
            view.put(f"image-{number:09}".encode(), image)
    return folder


@pytest.mark.parametrize(
    ("size", "columns", "checksum"),
    [
        ((32, 100), 100, 3580665955),
        ((20, 30), 48, 3635891596),
        ((64, 200), 100, 1760300182),  # halved
        ((64, 100), 50, 2371123542),  # halved, then padded
        ((10, 100), 100, 279858744),  # squeezed
        ((31, 97), 100, 265860470),  # 100.1 columns, which are 101
        ((48, 7), 5, 2855645006),  # 4.7 columns, which are 5
    ],
)
def test_the_same_bytes_as_with_opencv(
    tmp_path: Path, size: tuple[int, int], columns: int, checksum: int
) -> None:
    # Of PaddleOCR's arithmetic over cv2.imdecode and cv2.resize (OpenCV 5.0), as float32 in BGR.
    (sample,) = StarNet().samples(write(tmp_path, ("word", picture(*size))))
    line = sample.inputs["x"]
    assert line.shape == (1, 3, 32, 100)
    assert line.dtype == np.float32
    assert not line[..., columns:].any()
    assert zlib.crc32(line.tobytes()) == checksum


def test_sets_name_their_words(tmp_path: Path) -> None:
    one = picture(8, 16)
    write(tmp_path / "SVT", ("a", one), ("b", one))
    write(tmp_path / "ICDAR" / "2013", ("c", one))
    names = [sample.name for sample in StarNet().samples(tmp_path)]
    assert names == ["ICDAR_2013_000000001", "SVT_000000001", "SVT_000000002"]
    assert [sample.name for sample in StarNet().samples(tmp_path / "SVT")] == [
        "000000001",
        "000000002",
    ]


@pytest.mark.parametrize(("adapter", "longest"), [(StarNet(), 25), (Rare(), 24)])
def test_words_that_upstream_does_not_take(tmp_path: Path, adapter: Adapter, longest: int) -> None:
    one = picture(8, 16)
    write(tmp_path, ("a" * longest, one), ("a" * (longest + 1), one), ("b", one))
    names = [sample.name for sample in adapter.samples(tmp_path)]
    assert names == ["000000001", "000000003"]


def test_no_words_at_all(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error:
        list(StarNet().samples(tmp_path))
    assert str(error.value) == (
        f"{tmp_path}: holds no LMDB folder of words (none has a data.mdb); give one, or a folder "
        "of several"
    )


def scores(classes: list[int], count: int) -> Array:
    return np.eye(count, dtype=np.float32)[classes][None]


@pytest.mark.parametrize(
    ("adapter", "spelled"),
    [
        # The blank of CTC parts the two o; what is repeated without it counts once.
        (StarNet(), scores([0, 12, 12, 25, 0, 25, 21, 21, 0], 37)),
        # Start and end are passed over, repetitions count.
        (Rare(), scores([0, 12, 25, 37, 25, 21, 37, 0], 38)),
    ],
)
def test_reading_and_figures(tmp_path: Path, adapter: StarNet, spelled: Array) -> None:
    assert adapter.read(spelled) == "book"
    one = picture(8, 16)
    data = write(tmp_path / "data", ("Book!", one), ("boot", one), ("?!", one))
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    for number in (1, 2, 3):
        np.save(outputs / f"{number:09}_0.npy", spelled)
    found = adapter.score(outputs, data)
    assert {figure.name: figure.value for figure in found.figures} == {
        "acc": 1 / 2,
        "norm_edit_dis": 1 - (0 + 1 / 4) / 2,
    }
    assert found.notes == ("1 samples without a label in the charset are left out",)

    (outputs / "000000002_0.npy").unlink()
    with pytest.raises(UsageError, match=r"000000002_0\.npy"):
        adapter.score(outputs, data)


def test_perfect_scores_of_the_small_dataset(tmp_path: Path) -> None:
    adapter = StarNet()
    data, outputs = tmp_path / "data", tmp_path / "outputs"
    adapter.tiny(data)
    outputs.mkdir()
    texts = ("graphfix", "a", "2022", "its", "straightenedbyaspline")
    samples = list(adapter.samples(data))
    assert len(samples) == len(texts)
    for sample, text in zip(samples, texts, strict=True):
        low, high = sample.inputs["x"].min(), sample.inputs["x"].max()
        assert -1 <= low < 0 < high <= 1
        classes = [CHARACTERS.index(letter) + 1 for letter in text]
        blanks = [k for each in classes for k in (each, 0)]
        np.save(outputs / f"{sample.name}_0.npy", scores(blanks, 37))
    found = adapter.score(outputs, data)
    assert [figure.value for figure in found.figures] == [1, 1]

"""Lists of classes and of texts, and LMDB folders of words."""

import io
from pathlib import Path

import lmdb
import numpy as np
import pytest
from PIL import Image

from graphfix.datasets import (
    classified_images,
    lmdb_words,
    read_classes,
    read_image,
    read_json,
    read_texts,
)
from graphfix.errors import UsageError


def written(folder: Path, text: str) -> Path:
    (folder / "labels.txt").write_text(text, "utf-8", newline="")
    return folder / "labels.txt"


def test_classes(tmp_path: Path) -> None:
    path = written(tmp_path, "\ufeffa.jpg 65\r\n\r\nb/b.JPEG\t970\n")

    assert read_classes(path) == {"a.jpg": 65, "b/b.JPEG": 970}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a 1\nb\n", "line 2: write NAME CLASS, such as img_1.jpg 65"),
        ("a one", "line 1: write NAME CLASS, such as img_1.jpg 65"),
        ("a 1\n\na 2", "line 3: a has a label already; remove one of the two"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(UsageError) as error:
        read_classes(path)
    assert str(error.value) == f"{path}, {message}"


def test_texts_in_three_spellings(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        'word_1.png, "It\'s, \\"it\\""\n'
        "img 2.jpg\ttwo words\nutt1 MORE  WORDS\n"
        'utt2 he said, "no"\n'
        "empty.jpg\t\nf.jpg\ta\u2028b",
    )

    assert read_texts(path) == {
        "word_1.png": 'It\'s, "it"',
        "img 2.jpg": "two words",
        "utt1": "MORE  WORDS",
        "utt2": 'he said, "no"',
        "empty.jpg": "",
        "f.jpg": "a\u2028b",
    }


def png(shade: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (4, 2), (shade, 0, 0)).save(buffer, "PNG")
    return buffer.getvalue()


def words(folder: Path, count: bytes = b"3") -> None:
    with lmdb.open(str(folder)) as environment, environment.begin(write=True) as view:
        view.put(b"num-samples", count)
        for number, text in ((1, "Straße"), (3, "two")):
            view.put(f"label-{number:09}".encode(), text.encode())
            view.put(f"image-{number:09}".encode(), png(number))


def test_an_lmdb_of_words(tmp_path: Path) -> None:
    words(tmp_path)
    found = list(lmdb_words(tmp_path))

    assert read_texts(tmp_path) == {"000000001": "Straße", "000000003": "two"}
    assert [(item.name, item.truth) for item in found] == list(read_texts(tmp_path).items())
    assert [read_image(item.image)[0, 0, 0] for item in found] == [1, 3]
    assert read_image(found[0].image).shape == (2, 4, 3)
    assert read_image(found[0].image, "L").shape == (2, 4)


def test_words_are_read_one_by_one(tmp_path: Path) -> None:
    words(tmp_path)

    assert next(iter(lmdb_words(tmp_path))).truth == "Straße"


@pytest.mark.parametrize(("count", "found"), [(b"99999999999", 2), (b"2", 1), (b"0", 0)])
def test_the_number_of_words_is_a_limit_and_no_promise(
    tmp_path: Path, count: bytes, found: int
) -> None:
    words(tmp_path, count)

    assert len(read_texts(tmp_path)) == len(list(lmdb_words(tmp_path))) == found


def test_what_is_no_lmdb_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no LMDB folder"):
        read_texts(tmp_path)
    words(tmp_path / "set", b"many")
    with pytest.raises(UsageError, match="set: is no readable LMDB"):
        read_texts(tmp_path / "set")
    (tmp_path / "data.mdb").write_bytes(b"not a database" * 1000)
    with pytest.raises(UsageError, match="is no readable LMDB"):
        read_texts(tmp_path)


def test_latin_1_is_refused(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_bytes("a é".encode("latin-1"))
    with pytest.raises(UsageError, match=r"labels\.txt: cannot be read as UTF-8"):
        read_texts(tmp_path / "labels.txt")


def test_classified_images(tmp_path: Path) -> None:
    (tmp_path / "val").mkdir()
    (tmp_path / "val" / "a.1.JPEG").touch()
    labels = written(tmp_path, "val/a.1.JPEG 7\n")
    (found,) = classified_images(tmp_path, labels)

    assert (found.name, found.image, found.truth) == ("a.1", tmp_path / "val" / "a.1.JPEG", 7)
    (tmp_path / "val" / "a.1.png").touch()
    written(tmp_path, "val/a.1.JPEG 7\nval/a.1.png 7\n")
    with pytest.raises(UsageError, match=r"labels\.txt: a\.1 has a label already"):
        list(classified_images(tmp_path, labels))
    written(tmp_path, "val/b.JPEG 7\n")
    with pytest.raises(UsageError, match=r"labels\.txt: .* has no image val/b\.JPEG"):
        list(classified_images(tmp_path, labels))


def test_what_is_no_image_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(1)[:30])
    with pytest.raises(UsageError, match=r"a\.png: cannot be read as an image"):
        read_image(tmp_path / "a.png")
    with pytest.raises(UsageError, match="an image in memory: cannot be read as an image"):
        read_image(b"")


def test_deep_images_keep_their_type(tmp_path: Path) -> None:
    Image.fromarray(np.full((2, 2), 40000, np.uint16)).save(tmp_path / "a.png")

    assert read_image(tmp_path / "a.png").max() == 40000


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000])
def test_what_is_no_json_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match=r"labels\.txt: cannot be read as JSON"):
        read_json(written(tmp_path, text))

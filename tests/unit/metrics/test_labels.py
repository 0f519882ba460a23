"""Label files, and which output they belong to."""

from pathlib import Path

import lmdb
import pytest

from graphfix.errors import UsageError
from graphfix.metrics.labels import join, read_classes, read_texts


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
        "img 2.jpg\ttwo words\nutt1 MORE  WORDS\nempty.jpg\t\nf.jpg\ta\u2028b",
    )

    assert read_texts(path) == {
        "word_1.png": 'It\'s, "it"',
        "img 2.jpg": "two words",
        "utt1": "MORE  WORDS",
        "empty.jpg": "",
        "f.jpg": "a\u2028b",
    }


def test_texts_of_an_lmdb(tmp_path: Path) -> None:
    with lmdb.open(str(tmp_path)) as environment, environment.begin(write=True) as view:
        view.put(b"num-samples", b"2")
        view.put(b"label-000000001", "Straße".encode())
        view.put(b"label-000000002", b"two")

    assert read_texts(tmp_path) == {"000000001": "Straße", "000000002": "two"}


def test_what_is_no_lmdb_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no LMDB folder"):
        read_texts(tmp_path)
    (tmp_path / "data.mdb").write_bytes(b"not a database" * 1000)
    with pytest.raises(UsageError, match="is no readable LMDB"):
        read_texts(tmp_path)


def test_latin_1_is_refused(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_bytes("a é".encode("latin-1"))
    with pytest.raises(UsageError, match=r"labels\.txt: cannot be read as UTF-8"):
        read_texts(tmp_path / "labels.txt")


def test_names_are_cut_as_ais_bench_cuts_them(tmp_path: Path) -> None:
    outputs = {"a": 1, "b.0": 2, "c": 3, "d.e": 4}
    labels = {"val/a.0.jpg": "A", "b.0.jpg": "B", "val\\c.jpg": "C", "d.e": "D"}
    found = join(outputs, labels, tmp_path)

    assert [(item.name, item.output, item.truth) for item in found] == [
        ("a", 1, "A"),
        ("b.0", 2, "B"),
        ("c", 3, "C"),
        ("d.e", 4, "D"),
    ]


@pytest.mark.parametrize(
    ("outputs", "labels", "message"),
    [
        (
            ("a",),
            ("a", "b", "c"),
            "2 of 3 labels without an output, such as b; run the model on it, or",
        ),
        (("a", "b", "c"), ("a",), "has no label for output 'b' and 1 more; add it, or remove"),
        (("s",), ("s.0.jpg", "s.1.jpg"), "s.0.jpg and s.1.jpg both stand for output 's'; give"),
        ((), ("a",), "1 of 1 labels without an output, such as a; run the model on it"),
    ],
)
def test_what_has_no_partner_is_named(
    tmp_path: Path, outputs: tuple[str, ...], labels: tuple[str, ...], message: str
) -> None:
    with pytest.raises(UsageError) as error:
        join(dict.fromkeys(outputs, 0), dict.fromkeys(labels, 0), tmp_path)
    assert str(error.value).startswith(f"{tmp_path}: {message}")

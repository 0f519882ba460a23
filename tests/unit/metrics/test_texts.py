"""Metrics of texts: recognition, error rates, answers."""

import json
from functools import cache
from pathlib import Path

import lmdb
import numpy as np
import pytest

from graphfix.errors import ModelError, UsageError
from graphfix.metrics import (
    Files,
    Judged,
    Layout,
    Score,
    answers,
    ctc_greedy,
    error_rates,
    text_recognition,
)
from graphfix.metrics.answers import Answers, normalized_answer
from graphfix.metrics.error_rate import ErrorRate
from graphfix.metrics.recognition import Recognition


def pairs(*texts: tuple[str, str]) -> list[Judged[str, str]]:
    return [Judged(str(k), *both) for k, both in enumerate(texts)]


def values(score: Score) -> list[float]:
    return [figure.value for figure in score.figures]


@cache
def edits(left: tuple[str, ...], right: tuple[str, ...]) -> int:
    """The Levenshtein distance, by its definition."""
    if not left or not right:
        return len(left) + len(right)
    return min(
        edits(left[1:], right) + 1,
        edits(left, right[1:]) + 1,
        edits(left[1:], right[1:]) + (left[0] != right[0]),
    )


WORDS = [("kitten", "sitting"), ("", "abc"), ("flaw", "lawn"), ("same", "same"), ("abcd", "b")]


def test_recognition_agrees_with_the_definition() -> None:
    off = [edits(tuple(a), tuple(b)) / max(len(a), len(b)) for a, b in WORDS]

    assert values(text_recognition(pairs(*WORDS))) == pytest.approx([1 / 5, 1 - np.mean(off)])


def test_recognition_compares_what_the_model_can_know() -> None:
    found = pairs(("its", "It's"), ("ab", "A b"), ("x", "!!!"), ("c", "ç"))
    score = text_recognition(found, "0123456789abcdefghijklmnopqrstuvwxyz", lower=True)

    assert values(score) == [1, 1]
    assert score.samples == 2
    assert score.notes == ("2 samples without a label in the charset are left out",)
    assert values(text_recognition(found)) == pytest.approx([0, 1 - (2 / 4 + 1 / 2 + 1 + 1) / 4])


def test_recognition_of_no_readable_label_is_an_error() -> None:
    with pytest.raises(UsageError, match="no label holds a text that could be recognised"):
        text_recognition(pairs(("a", "?")), "abc")


def scores(path: list[int], classes: int) -> np.ndarray:
    return np.eye(classes, dtype=np.float32)[path]


def test_ctc_drops_repeats_then_blanks() -> None:
    assert ctc_greedy(scores([0, 1, 1, 0, 1, 2, 2, 0], 4), "abc") == "aab"
    assert ctc_greedy(scores([3, 0, 0, 3, 0, 1, 1, 3], 4)[np.newaxis], "abc", blank=-1) == "aab"
    assert ctc_greedy(scores([0, 3, 0], 4), "abc", blank=-1) == "aa"
    assert ctc_greedy(scores([0, 0], 4), "abc") == ""
    assert ctc_greedy(np.zeros((0, 4)), "abc") == ""


def test_ctc_refuses_what_does_not_fit() -> None:
    with pytest.raises(UsageError, match=r"shape \(8,\) is not \[steps, 4\] for 3 characters"):
        ctc_greedy(np.zeros(8), "abc")
    with pytest.raises(UsageError, match="blank 4: there are only 4 classes"):
        ctc_greedy(scores([0], 4), "abc", blank=4)
    with pytest.raises(ModelError, match="1 of 4 scores are NaN"):
        ctc_greedy(np.array([[0, 1, np.nan, 0]]), "abc")


def test_recognition_from_outputs_and_an_lmdb(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with lmdb.open(str(tmp_path / "set")) as environment, environment.begin(write=True) as view:
        view.put(b"num-samples", b"2")
        view.put(b"label-000000001", b"A0!")
        view.put(b"label-000000002", b"zz")
    for number, path in ((1, [0, 11, 11, 0, 1]), (2, [36, 0, 35, 0, 0])):
        scores(path, 37).tofile(tmp_path / "out" / f"{number:09}_0.bin")
    files = Files(tmp_path / "out", tmp_path / "set", Layout(shape=(1, 5, 37)))

    assert values(Recognition().evaluate(files)) == [0.5, 0.75]


def test_recognition_with_a_charset_keeps_case_and_odd_characters(tmp_path: Path) -> None:
    (tmp_path / "chars.txt").write_bytes("A\r\na\r\n\u3000\r\né\r\n".encode())
    (tmp_path / "labels.txt").write_text("x.jpg\tAé a\n", "utf-8")
    (tmp_path / "out").mkdir()
    np.save(tmp_path / "out" / "x_0.npy", scores([1, 0, 4, 5, 2, 0], 6))
    files = Files(tmp_path / "out", tmp_path / "labels.txt")

    metric = Recognition(charset=tmp_path / "chars.txt", space=True)
    assert values(metric.evaluate(files)) == [1, 1]
    with pytest.raises(UsageError, match=r"sample x: shape \(6, 6\) is not \[steps, 5\]"):
        Recognition(charset=tmp_path / "chars.txt").evaluate(files)


def test_a_list_of_texts_has_no_shape(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a\tx\n")
    files = Files(tmp_path / "a.txt", tmp_path / "a.txt", Layout(shape=(1, 2)))
    with pytest.raises(UsageError, match=r"a\.txt: is a list of texts, which has no shape or type"):
        Recognition().evaluate(files)


def test_recognition_from_texts(tmp_path: Path) -> None:
    (tmp_path / "found.txt").write_text("b\tWORD\na\tx\n")
    (tmp_path / "labels.txt").write_text("a.jpg\ty\nb.jpg\tword\n")

    files = Files(tmp_path / "found.txt", tmp_path / "labels.txt")
    assert values(Recognition().evaluate(files)) == [0.5, 0.5]


SENTENCES = [("the cat sit on mat", "the cat sat on the mat"), ("a b c d", "a  b c")]


def test_error_rates_agree_with_the_definition() -> None:
    score = error_rates(pairs(*SENTENCES))
    words = [edits(tuple(a.split()), tuple(b.split())) for a, b in SENTENCES]
    letters = [edits(tuple(a), tuple(" ".join(b.split()))) for a, b in SENTENCES]

    assert values(score) == pytest.approx([sum(words) / 9, sum(letters) / 27])
    assert all(figure.lower_is_better for figure in score.figures)


def test_error_rates_agree_with_jiwer() -> None:
    """``wer`` and ``cer`` of jiwer 4.0."""
    score = error_rates(pairs(*SENTENCES, ("hallo  world", "hello world")))

    assert values(score) == pytest.approx([0.36363636363636365, 0.21052631578947367])


def test_error_rates_without_case_or_spaces() -> None:
    assert values(error_rates(pairs(("HELLO", "hello")), lower=True)) == [0, 0]
    assert values(error_rates(pairs(("你好 吗", "你好吗")), spaces=False)) == [2, 0]


def test_an_empty_output_is_all_wrong_and_an_empty_truth_counts_its_insertions() -> None:
    assert values(error_rates(pairs(("", "a b")))) == [1, 1]
    assert values(error_rates(pairs(("x", ""), ("a b", "a b")))) == [0.5, 1 / 3]
    nothing = error_rates(pairs(("x", "")))
    assert np.isnan(values(nothing)).all()
    assert nothing.notes == ("no label holds a word",)


def test_error_rates_of_files(tmp_path: Path) -> None:
    (tmp_path / "found.txt").write_text("utt1 A B\nutt2\n")
    (tmp_path / "truth.txt").write_text("utt1 A C\nutt2 D\n")

    files = Files(tmp_path / "found.txt", tmp_path / "truth.txt")
    assert values(ErrorRate().evaluate(files))[0] == pytest.approx(2 / 3)


def test_answers_are_normalized() -> None:
    assert normalized_answer("  The, Theatre's a\tan-other ") == "theatres another"
    assert normalized_answer("The a AN") == ""


@pytest.mark.parametrize(
    ("found", "truths", "f1", "exact"),
    [
        ("the Denver Broncos!", ["Denver Broncos", "Broncos"], 1, 1),
        ("Broncos of Denver", ["x", "Denver Broncos"], 2 * (2 / 3) / (2 / 3 + 1), 0),
        ("to be be", ["be be be to"], 2 * 3 / 7, 0),
        ("", ["Denver"], 0, 0),
        ("the", ["a"], 0, 1),
    ],
)
def test_answers(found: str, truths: list[str], f1: float, exact: float) -> None:
    score = answers([Judged("q", found, truths)])

    assert values(score) == pytest.approx([f1, exact])


def squad(*questions: tuple[str, list[str]]) -> dict[str, object]:
    qas = [{"id": id, "answers": [{"text": t} for t in texts]} for id, texts in questions]
    return {"version": "1.1", "data": [{"title": "t", "paragraphs": [{"qas": qas}]}]}


def test_answers_of_files(tmp_path: Path) -> None:
    (tmp_path / "found.json").write_text(json.dumps({"q1": "An x", "q2": "y z"}))
    (tmp_path / "dev.json").write_text(json.dumps(squad(("q1", ["x"]), ("q2", ["y"]))))
    files = Files(tmp_path / "found.json", tmp_path / "dev.json")

    assert values(Answers().evaluate(files)) == pytest.approx([(1 + 2 / 3) / 2, 0.5])


@pytest.mark.parametrize(
    ("found", "truth", "message"),
    [
        ('{"q1": "x"', squad(("q1", ["x"])), r"found\.json: cannot be read as JSON"),
        ('["q1"]', squad(("q1", ["x"])), r"found\.json: must be one object of the form"),
        ('{"q1": 5}', squad(("q1", ["x"])), r"found\.json: must be one object of the form"),
        ('{"q1": "x"}', {"data": [{}]}, r"dev\.json: has not the form of SQuAD 1\.1"),
        ('{"q1": "x"}', {"data": 5}, r"dev\.json: has not the form of SQuAD 1\.1"),
        ('{"q1": "x"}', squad(("q1", [])), "question q1: there is no answer"),
        ('{"q1": "x"}', squad(("q1", ["x"]), ("q2", ["x"])), "1 of 2 labels without an output"),
        ("[" * 100_000, squad(), r"found\.json: cannot be read as JSON"),
    ],
)
def test_broken_files_of_answers_are_named(
    tmp_path: Path, found: str, truth: object, message: str
) -> None:
    (tmp_path / "found.json").write_text(found)
    (tmp_path / "dev.json").write_text(json.dumps(truth))
    with pytest.raises(UsageError, match=message):
        Answers().evaluate(Files(tmp_path / "found.json", tmp_path / "dev.json"))

"""Cosine similarity to another run."""

from pathlib import Path

import numpy as np
import pytest

from graphfix.errors import UsageError
from graphfix.metrics import Files, Judged, Layout, cosine_similarity
from graphfix.metrics.cosine import Cosine


def cosine(left: object, right: object, dtype: str = "float32") -> float:
    pair = Judged("a", np.asarray(left, dtype), np.asarray(right, dtype))
    return cosine_similarity([pair]).figures[0].value


def test_known_angles() -> None:
    assert cosine([1, 0], [1, 1]) == pytest.approx(0.5**0.5)
    assert cosine([[3], [4]], [3, 4]) == pytest.approx(1)
    assert cosine([1, -2], [-1, 2]) == pytest.approx(-1)
    assert cosine([200, 200], [200, 200], "uint8") == pytest.approx(1)


def test_numbers_at_the_ends_of_their_range() -> None:
    assert cosine([1e300, 1e300], [1e-300, 0], "float64") == pytest.approx(0.5**0.5)
    assert cosine([6e4] * 100, [6e4] * 100, "float16") == pytest.approx(1)


def test_zeros_nan_and_infinity() -> None:
    assert cosine([0, 0], [0, 0]) == 1
    assert cosine([0, 0], [0, 1]) == 0
    assert cosine([], []) == 1
    assert np.isnan(cosine([np.nan, 1], [np.nan, 1]))
    assert np.isnan(cosine([np.inf, 1], [np.inf, 1]))


def test_the_worst_sample_is_named_and_nan_is_worst() -> None:
    x = np.array([1.0, 0.0])
    score = cosine_similarity([Judged("a", x, x), Judged("b", x, x + x[::-1]), Judged("c", x, x)])

    assert score.figure("cosine").value == pytest.approx((2 + 0.5**0.5) / 3)
    assert score.figure("lowest").value == pytest.approx(0.5**0.5)
    assert score.notes == ("the lowest is of sample b",)
    broken = cosine_similarity([Judged("a", x, -x), Judged("b", x, x * np.nan)])
    assert np.isnan([figure.value for figure in broken.figures]).all()
    assert broken.notes == ("the lowest is of sample b",)


def test_two_folders(tmp_path: Path) -> None:
    for name, array in (
        ("npu", np.array([1, 2], np.float16)),
        ("cpu", np.array([1, 2], np.float32)),
    ):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "img_0.npy", array)
    np.array([1, 2], np.float16).tofile(tmp_path / "npu" / "img_1.bin")
    np.save(tmp_path / "cpu" / "img_1.npy", np.array([2, 4], np.float32))

    for layout in (Layout(), Layout(index=1, dtype="float16")):
        score = Cosine().evaluate(Files(tmp_path / "npu", tmp_path / "cpu", layout))
        assert score.figures[0].value == pytest.approx(1)
    with pytest.raises(UsageError, match="sample img: 1 numbers, but the reference has 2"):
        Cosine().evaluate(Files(tmp_path / "npu", tmp_path / "cpu", Layout(index=1)))

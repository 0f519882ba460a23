"""Top-k accuracy."""

import numpy as np
import pytest

from graphfix.errors import UsageError
from graphfix.metrics import Judged, top_k


def sample(scores: object, label: int) -> Judged[np.ndarray, int]:
    return Judged("img", np.asarray(scores, np.float32), label)


def test_agrees_with_sorting_the_scores() -> None:
    random = np.random.default_rng(0)
    scores = random.normal(size=(200, 20)).astype(np.float16)
    labels = random.integers(0, 20, 200)
    score = top_k((Judged(str(k), scores[k], int(labels[k])) for k in range(200)), k=(1, 3, 5, 20))

    order = np.argsort(-scores.astype(np.float64), axis=1, kind="stable")
    for figure, rank in zip(score.figures, (1, 3, 5, 20), strict=True):
        expected = np.mean([labels[k] in order[k, :rank] for k in range(200)])
        assert figure.name == f"top-{rank}"
        assert figure.value == pytest.approx(expected, abs=1e-12)
    assert (score.samples, score.counted) == (200, "samples")


def test_a_constant_output_is_right_for_one_class_only() -> None:
    score = top_k((sample(np.zeros(10), label) for label in range(10)), k=(1, 5))

    assert [figure.value for figure in score.figures] == [0.1, 0.5]


def test_nan_is_a_miss_and_is_told() -> None:
    score = top_k([sample([1, np.nan, 0], 0), sample([1, 0, 0], 0)], k=(3,))

    assert score.figures[0].value == 0.5
    assert score.notes == ("1 of 2 outputs hold NaN and are misses",)


def test_integers_and_a_batch_of_one_are_fine() -> None:
    one = Judged("img", np.array([[3, 9, 200]], np.uint8), 2)

    assert top_k([one], k=(1,)).figures[0].value == 1


@pytest.mark.parametrize(
    ("scores", "label", "k", "message"),
    [
        (
            np.zeros(10),
            10,
            (1,),
            (
                "sample img: class 10, but the output has the scores of 10 classes, from 0; check "
                "the labels, shape and dtype"
            ),
        ),
        (np.zeros(3), 0, (1, 5), "sample img: k=5, but only 3 classes"),
        (np.zeros((2, 5)), 0, (1,), "sample img: shape (2, 5) holds more than one sample"),
        (np.zeros(3), 0, (0,), "k: give ranks of at least 1"),
        (np.zeros(3), 0, (), "k: give ranks of at least 1"),
    ],
)
def test_what_does_not_fit_is_refused(
    scores: np.ndarray, label: int, k: tuple[int, ...], message: str
) -> None:
    with pytest.raises(UsageError) as error:
        top_k([sample(scores, label)], k=k)
    assert str(error.value) == message


def test_no_sample_is_an_error_not_a_zero() -> None:
    with pytest.raises(UsageError, match="there is no sample to evaluate"):
        top_k([])

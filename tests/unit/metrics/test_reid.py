"""Re-identification by the rules of Market-1501."""

from pathlib import Path

import numpy as np
import pytest

from graphfix.datasets import Identity, read_identities
from graphfix.errors import UsageError
from graphfix.metrics import Files, Judged, Score, reid
from graphfix.metrics.reid import Reid

Image = Judged[np.ndarray, Identity]


def query(x: float, person: int = 1, camera: int = 1) -> Image:
    return Judged(f"q{x}", np.array([x], np.float32), Identity(person, camera, query=True))


def other(x: float, person: int, camera: int = 2) -> Image:
    return Judged(f"g{x}", np.array([x], np.float32), Identity(person, camera, query=False))


def values(*samples: Image) -> list[float]:
    return [figure.value for figure in reid(samples, normalize=False).figures]


def test_right_images_at_places_two_and_four() -> None:
    gallery = (other(1, 2), other(2, 1), other(3, 2), other(4, 1), other(5, 3))

    assert values(query(0), *gallery) == pytest.approx([(1 / 2 + 2 / 4) / 2, 0, 1, 1])


def test_the_same_person_by_the_same_camera_does_not_count() -> None:
    gallery = (other(0.1, 1, camera=1), other(2, 2, camera=1), other(3, 1))

    assert values(query(0), *gallery) == pytest.approx([1 / 2, 0, 1, 1])


def test_junk_does_not_count_and_distractors_do() -> None:
    assert values(query(0), other(0.1, -1), other(0.2, 1)) == [1, 1, 1, 1]
    assert values(query(0), other(0.1, 0), other(0.2, 1)) == [0.5, 0, 1, 1]


def test_a_query_with_nothing_to_find_is_left_out_and_told() -> None:
    score = reid([query(0), query(9, person=7), other(1, 1)], normalize=False)

    assert [figure.value for figure in score.figures] == [1, 1, 1, 1]
    assert (score.samples, score.counted) == (1, "queries")
    assert score.notes == ("1 queries have nothing to find and are left out",)


def test_nan_finds_nothing_and_is_found_last() -> None:
    nan = float("nan")

    assert values(query(nan), other(1, 1)) == [0, 0, 0, 0]
    assert values(query(0), other(nan, 1), other(1, 2)) == pytest.approx([0.5, 0, 1, 1])


@pytest.mark.parametrize("normalize", [True, False])
def test_agrees_with_the_definition_on_random_features(normalize: bool) -> None:
    random = np.random.default_rng(5)

    def images(count: int, is_query: bool) -> list[Image]:
        return [
            Judged(
                f"{is_query}{k}",
                random.normal(size=(1, 8)).astype(np.float32) * random.uniform(1, 9),
                Identity(int(random.integers(-1, 6)), int(random.integers(1, 4)), is_query),
            )
            for k in range(count)
        ]

    def scaled(features: np.ndarray) -> np.ndarray:
        return features / np.linalg.norm(features) if normalize else features

    queries, gallery = images(150, True), images(120, False)
    precisions, firsts = [], []
    for item in queries:
        if item.truth.person == -1:
            continue
        asked = scaled(item.output)
        ranked = sorted(
            (g for g in gallery if g.truth.person != -1),
            key=lambda g: float(np.linalg.norm(scaled(g.output) - asked)),
        )
        right = [
            g.truth.person == item.truth.person
            for g in ranked
            if (g.truth.person, g.truth.camera) != (item.truth.person, item.truth.camera)
        ]
        places = [k for k, hit in enumerate(right) if hit]
        precisions.append(np.mean([sum(right[: k + 1]) / (k + 1) for k in places]))
        firsts.append(places[0])
    expected = [np.mean(precisions), *(np.mean(np.array(firsts) < k) for k in (1, 5, 10))]
    score: Score = reid([*gallery, *queries], normalize=normalize)

    assert [figure.name for figure in score.figures] == ["mAP", "rank-1", "rank-5", "rank-10"]
    assert [figure.value for figure in score.figures] == pytest.approx(expected, rel=1e-6)
    assert score.samples == len(precisions)


def test_what_cannot_be_evaluated_is_refused() -> None:
    with pytest.raises(UsageError, match="there are 1 queries and 0 images to search in"):
        values(query(0))
    with pytest.raises(UsageError, match="no query has an image to find"):
        values(query(0), other(1, 2))
    with pytest.raises(UsageError, match="sample two: 2 features, others have 1"):
        values(query(0), Judged("two", np.zeros(2), Identity(1, 1, False)))


NAMES = {
    "query/0002_c1s1_000451_00.jpg": Identity(2, 1, True),
    "bounding_box_test/0002_c2s1_000301_01.jpg": Identity(2, 2, False),
    "bounding_box_test/-1_c3s2_000401_03.jpg": Identity(-1, 3, False),
    "bounding_box_test/0000_c6s3_094992_01.jpg": Identity(0, 6, False),
}


def test_the_folders_of_market_1501_and_a_list(tmp_path: Path) -> None:
    market = tmp_path / "Market-1501"
    lines = []
    for name, identity in NAMES.items():
        path = market / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        part = "query" if identity.query else "gallery"
        lines.append(f"{path.name} {identity.person} {identity.camera} {part}\n")
    (tmp_path / "list.txt").write_text("".join(lines))

    expected = {Path(name).name: identity for name, identity in NAMES.items()}
    assert read_identities(market) == read_identities(tmp_path / "list.txt") == expected

    (tmp_path / "out").mkdir()
    for name, identity in expected.items():
        if identity.person != -1:
            stem = name.split(".")[0]
            np.save(tmp_path / "out" / f"{stem}_0.npy", np.array([[identity.person, 1.0]]))
    for labels in (market, tmp_path / "list.txt"):
        assert Reid().evaluate(Files(tmp_path / "out", labels)).figure("mAP").value == 1

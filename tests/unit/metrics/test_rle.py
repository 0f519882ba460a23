"""Masks as runs: what pycocotools encodes is taken, anything else that it would choke on is not."""

import numpy as np
import pytest

from graphfix.library import library
from graphfix.metrics.rle import fits


def encoded(array: np.ndarray) -> bytes:
    counts: bytes = library("pycocotools.mask").encode(np.asfortranarray(array))["counts"]
    return counts


def test_what_pycocotools_encodes_fits() -> None:
    random = np.random.default_rng(0)
    for density in (0, 0.001, 0.02, 0.5, 1):
        for shape in ((1, 1), (7, 300), (2000, 1500)):
            array = (random.random(shape) < density).astype(np.uint8)
            counts = encoded(array)
            assert fits(counts, array.size)
            assert fits(counts.decode(), array.size)
            assert not fits(counts, array.size + 1)


def test_what_fits_is_decoded_to_its_end() -> None:
    """Of all texts of two characters those that cover 4 x 4 pixels have an overlap with all."""
    mask = library("pycocotools.mask")
    alphabet = range(ord("0"), ord("0") + 64)
    texts = [bytes((a, b)) for a in alphabet for b in alphabet]
    every = {"size": [4, 4], "counts": encoded(np.ones((4, 4), np.uint8))}

    covering = [{"size": [4, 4], "counts": text} for text in texts if fits(text, 16)]
    assert len(covering) > 10
    for item in covering:
        assert mask.iou([item], [every], [0])[0, 0] == pytest.approx(mask.area(item) / 16)


@pytest.mark.parametrize(
    "counts",
    ["", "0", "?5L", "@" + "P" * 20, "@\n", "é", "o", 5, None, [8, 9], [17, -1], [16.0], ["x"], []],
)
def test_what_is_broken_does_not_fit(counts: object) -> None:
    assert not fits(counts, 16)


def test_runs_in_a_list_fit() -> None:
    assert fits([0, 16], 16)
    assert fits([3, 4, 9], 16)

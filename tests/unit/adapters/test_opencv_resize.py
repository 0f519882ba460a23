"""Scaling with OpenCV's rounding, held against what ``cv2.resize`` (4.10 and 5.0) has made."""

import zlib

import numpy as np
import pytest

from graphfix_adapters._opencv_resize import resize_opencv


def test_every_pixel_of_a_small_picture() -> None:
    pixels = (np.arange(4 * 5 * 3) * 37 % 256).astype(np.uint8).reshape(4, 5, 3)
    shrunk = resize_opencv(pixels, (3, 3))
    assert shrunk.shape == (3, 3, 3)
    assert shrunk[..., 0].tolist() == [[44, 186, 158], [102, 31, 130], [159, 88, 102]]
    assert resize_opencv(pixels, (6, 7))[..., 0].tolist() == [
        [0, 63, 143, 222, 118, 124, 188],
        [22, 85, 128, 116, 103, 146, 210],
        [50, 113, 120, 16, 95, 156, 195],
        [79, 142, 148, 45, 124, 112, 53],
        [108, 171, 177, 74, 153, 122, 40],
        [129, 192, 199, 95, 174, 144, 61],
    ]


@pytest.mark.parametrize(
    ("size", "checksum"),
    [
        ((75, 100), 2743895871),
        ((31, 41), 1265396564),
        ((24, 32), 3464851850),  # halves
        ((20, 32), 2630058125),  # half in one direction only
        ((480, 640), 305195373),
    ],
)
def test_the_same_bytes_as_opencv(size: tuple[int, int], checksum: int) -> None:
    pixels = (np.arange(48 * 64 * 3) ** 2 // 7 % 256).astype(np.uint8).reshape(48, 64, 3)
    assert zlib.crc32(resize_opencv(pixels, size).tobytes()) == checksum


def test_the_same_size_changes_nothing() -> None:
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    np.testing.assert_array_equal(resize_opencv(pixels, (16, 16)), pixels)

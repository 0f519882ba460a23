"""Scaling with OpenCV's rounding, held against what ``cv2.resize`` (4.10 and 5.0) has made."""

import zlib

import numpy as np
import pytest

from graphfix_adapters._opencv_resize import resize_opencv, resize_opencv_float


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


def test_every_value_of_a_small_picture_in_float() -> None:
    pixels = (np.arange(3 * 4 * 3) * 37 % 256).astype(np.float32).reshape(3, 4, 3)
    scaled = resize_opencv_float(pixels, (4, 6))
    assert scaled.dtype == np.float32
    assert scaled[..., 0].tolist() == [
        [0.0, 55.5, 129.5, 203.50001525878906, 149.5, 77.0],
        [117.5, 93.0, 87.0, 161.00001525878906, 107.0, 34.5],
        [162.5, 138.0, 116.0, 126.00000762939453, 104.0, 79.5],
        [120.0, 175.5, 206.83334350585938, 110.16666412353516, 141.5, 197.0],
    ]


@pytest.mark.parametrize(
    ("size", "checksum"),
    [((64, 64), 1696207228), ((64, 96), 1755712104), ((75, 100), 1574371290)],
)
def test_the_same_floats_as_opencv(size: tuple[int, int], checksum: int) -> None:
    pixels = (np.arange(48 * 64 * 3) ** 2 // 7 % 256).astype(np.float32).reshape(48, 64, 3)
    assert zlib.crc32(resize_opencv_float(pixels, size).tobytes()) == checksum

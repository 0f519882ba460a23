"""Image files as arrays."""

from pathlib import Path

import numpy as np

from graphfix.contract import Array
from graphfix.errors import UsageError
from graphfix.metrics.library import library

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".JPEG", ".JPG", ".bmp", ".tif", ".tiff")


def read_image(path: Path, mode: str | None = None) -> Array:
    """The pixels: ``[H, W]`` or ``[H, W, 3]``, uint8 unless the file has a deeper type.

    ``mode`` is one of Pillow's, ``RGB`` or ``L`` (luma); without it the pixels are as they stand in
    the file, which for a palette is their index, as label maps want it.

    Raises:
        UsageError: it cannot be read.
    """
    image = library("PIL.Image")
    try:
        with image.open(path) as opened:
            return np.asarray(opened.convert(mode) if mode else opened)
    except (OSError, SyntaxError, ValueError, image.DecompressionBombError) as error:
        raise UsageError(f"{path}: cannot be read as an image: {error}") from error

"""Images as arrays."""

import io
from pathlib import Path

import numpy as np

from graphfix.contract import Array
from graphfix.errors import UsageError
from graphfix.library import library

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")


def read_image(source: Path | bytes, mode: str | None = None) -> Array:
    """The pixels: ``[H, W]`` or ``[H, W, 3]``, uint8 unless the file has a deeper type.

    ``source`` is a file, or what stands in one. ``mode`` is one of Pillow's, ``RGB`` or ``L``
    (luma); without it the pixels are as they stand in the file, which for a palette is their index,
    as label maps want it.

    Raises:
        UsageError: it cannot be read.
    """
    image = library("PIL.Image")
    try:
        with image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as opened:
            return np.asarray(opened.convert(mode) if mode else opened)
    except (OSError, SyntaxError, ValueError, image.DecompressionBombError) as error:
        where = "an image in memory" if isinstance(source, bytes) else str(source)
        raise UsageError(f"{where}: cannot be read as an image: {error}") from error

"""Pictures in a folder as the input of a model: an adapter as small as one can be."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from graphfix.adapter import Adapter, Sample


class Pictures(Adapter):
    """Every ``.png`` becomes one run of ``x``: float32[1,3,H,W], from -1 to 1."""

    name = "pictures"

    def samples(self, data: Path) -> Iterator[Sample]:
        """The pictures in the order of their names."""
        for path in sorted(data.glob("*.png")):
            pixels = np.asarray(Image.open(path).convert("RGB"), np.float32) / 127.5 - 1
            yield Sample(path.stem, {"x": pixels.transpose(2, 0, 1)[None]})

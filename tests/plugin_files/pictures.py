"""Pictures in a folder as the input of a model: an adapter as small as one can be."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from graphfix.adapter import Adapter
from graphfix.contract import Array


class Pictures(Adapter):
    """Every ``.png`` becomes one run of ``x``: float32[1,3,H,W], from -1 to 1."""

    name = "pictures"

    def samples(self, folder: Path) -> Iterator[Mapping[str, Array]]:
        """The pictures in the order of their names."""
        for path in sorted(folder.glob("*.png")):
            pixels = np.asarray(Image.open(path).convert("RGB"), np.float32) / 127.5 - 1
            yield {"x": pixels.transpose(2, 0, 1)[None]}

"""Small datasets in the layout of Cityscapes, to try a chain with."""

from pathlib import Path
from typing import Final

import numpy as np

_LABELS: Final = (7, 11, 21, 23, 26, 0)
"""Road, building, vegetation, sky, car, and one that does not count (cityscapesScripts ids)."""


def write_scenes(folder: Path, count: int, size: tuple[int, int]) -> None:
    """Write pictures of coloured bands of ``size`` (height, width) with their labels."""
    from PIL import Image

    random = np.random.default_rng(0)
    colours = random.integers(0, 256, (len(_LABELS), 3))
    height, width = size
    for number in range(count):
        bands = (np.arange(height) * len(_LABELS) // height + number) % len(_LABELS)
        classes = np.repeat(bands[:, None], width, 1)
        noise = random.integers(-8, 9, (height, width, 3))
        pixels = np.clip(colours[classes] + noise, 0, 255).astype(np.uint8)
        name = f"tiny_{number:06}_000019"
        for part, suffix, array in (
            ("leftImg8bit", "leftImg8bit", pixels),
            ("gtFine", "gtFine_labelIds", np.array(_LABELS, np.uint8)[classes]),
        ):
            place = folder / part / "val" / "tiny"
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(place / f"{name}_{suffix}.png")

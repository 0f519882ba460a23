"""Small datasets in the layout of ICDAR 2015, to try a chain with."""

from pathlib import Path

import numpy as np


def write_words(images: Path, truths: Path, count: int, size: tuple[int, int]) -> None:
    """Write pictures of ``size`` (height, width) with blocks for words, and their outlines.

    The last word of each picture is one that need not be found.
    """
    from PIL import Image

    random = np.random.default_rng(0)
    height, width = size
    for folder in (images, truths):
        folder.mkdir(parents=True)
    for number in range(1, count + 1):
        pixels = random.integers(40, 60, (height, width, 3))
        lines = []
        for word, text in enumerate(("north", "gate", "###")):
            left, top = width * (1 + number) // 12, height * (1 + 2 * word) // 7
            right, bottom = left + width * (5 + word) // 12, top + height // 7
            pixels[top:bottom, left:right] = random.integers(190, 256, (bottom - top, 1, 1))
            corners = (left, top, right, top, right, bottom, left, bottom)
            lines.append(",".join(map(str, corners)) + f",{text}\n")
        Image.fromarray(pixels.astype(np.uint8)).save(images / f"img_{number}.png")
        (truths / f"gt_img_{number}.txt").write_text("".join(lines), encoding="utf-8")

"""A small dataset in the layout of COCO, to try a chain with."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

CATEGORIES: Final = tuple(
    number for number in range(1, 91) if number not in (12, 26, 29, 30, 45, 66, 68, 69, 71, 83)
)
"""The 80 ids that COCO's detection uses, in the order of a detector's classes."""

_BOXES: Final = ((0.05, 0.1, 0.3, 0.35), (0.4, 0.3, 0.35, 0.6), (0.8, 0.05, 0.15, 0.3))
"""Left, top, width and height of what is to be seen, as parts of the picture."""


def write_things(folder: Path, sizes: Sequence[tuple[int, int]]) -> None:
    """Write one picture of each size (height, width): three coloured boxes, and their truth."""
    from PIL import Image

    random = np.random.default_rng(0)
    pictures = folder / "val2017"
    pictures.mkdir(parents=True)
    images: list[dict[str, Any]] = []
    truths: list[dict[str, Any]] = []
    for number, (height, width) in enumerate(sizes, 1):
        pixels = random.integers(0, 80, (height, width, 3), dtype=np.uint8)
        for box in _BOXES:
            left, top = round(box[0] * width), round(box[1] * height)
            wide, high = round(box[2] * width), round(box[3] * height)
            pixels[top : top + high, left : left + wide] += random.integers(0, 176, 3, np.uint8)
            truths.append(
                {
                    "id": len(truths) + 1,
                    "image_id": number,
                    "category_id": CATEGORIES[len(truths) * 17 % len(CATEGORIES)],
                    "bbox": [left, top, wide, high],
                    "area": wide * high,
                    "iscrowd": 0,
                }
            )
        name = f"{number:012}.jpg"
        Image.fromarray(pixels).save(pictures / name)
        images.append({"id": number, "file_name": name, "height": height, "width": width})
    document = {
        "images": images,
        "annotations": truths,
        "categories": [{"id": number, "name": f"kind {number}"} for number in CATEGORIES],
    }
    place = folder / "annotations"
    place.mkdir()
    (place / "instances_val2017.json").write_text(json.dumps(document), encoding="utf-8")

"""RetinaNet with NAS-FPN: detection of the 80 kinds of things in COCO."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from graphfix.adapter import Adapter, Export, Sample
from graphfix.contract import Array
from graphfix.datasets import category_ids, coco_images, read_image, read_json
from graphfix.metrics import Layout, Reference, Score, coco_precision, read_output
from graphfix.spec import InputSpec
from graphfix_adapters._coco_scenes import write_things
from graphfix_adapters._opencv_resize import resize_opencv
from graphfix_adapters._suppression import Detections, suppress

MEAN = np.array((123.675, 116.28, 103.53), np.float32).astype(np.float64)
STD = np.array((58.395, 57.12, 57.375), np.float32).astype(np.float64)
"""Of red, green and blue (mmdetection: the configuration's img_norm_cfg, float32 in Normalize)."""


class NasFpn(Adapter):
    """Detection of 80 kinds of things, RetinaNet on ResNet-50 with NAS-FPN (torch).

    The export goes from picture to detections. It is cut in front of NonMaxSuppression, which the
    host does instead: outputs are the boxes of all levels in pixels, and their scores.
    """

    name = "nas-fpn"
    upstream = (
        "github.com/open-mmlab/mmdetection a21eb255, "
        "configs/nas_fpn/retinanet_r50_nasfpn_crop640_50e_coco.py and its checkpoint"
    )
    export = Export(
        "export/nas_fpn.py",
        ("torch", "onnx"),
        "pip install torch==2.13.0 onnx onnxscript",
        {"opset": "11", "exporter": "torchscript", "width": "full", "size": "640x640"},
    )
    pipeline = "out-nodes{keep=['ins(op=NonMaxSuppression)'],rename=[boxes,scores]},auto"
    inputs = (InputSpec("input", "float32", (1, 3, 640, 640), -2.2, 2.7),)
    shapes = ("input:1,3,640,640",)
    reference = Reference(0.404, 0.01, figure="AP")
    size: ClassVar[tuple[int, int]] = (640, 640)
    """Height and width of the network's picture."""

    def samples(self, data: Path) -> Iterator[Sample]:
        """``val2017``: scaled to fit (OpenCV), normalized, in the middle of zeros."""
        for picture in coco_images(data / "val2017", _annotations(data)):
            pixels = read_image(picture.image, "RGB")
            place = _Place.of(pixels.shape[:2], self.size)
            # OpenCV subtracts and multiplies in float64, and keeps float32.
            centred = (resize_opencv(pixels, place.size) - MEAN).astype(np.float32)
            scaled = (centred * (1 / STD)).astype(np.float32)
            image = np.zeros((1, 3, *self.size), np.float32)
            rows, columns = place.inside
            image[0, :, rows, columns] = scaled.transpose(2, 0, 1)
            yield Sample(picture.name, {"input": image})

    def score(self, outputs: Path, data: Path) -> Score:
        """COCO's AP of the boxes that are left after suppression, in pixels of the picture."""
        annotations = _annotations(data)
        categories = category_ids(annotations)
        results: list[dict[str, Any]] = []
        for picture in coco_images(data / "val2017", annotations):
            boxes = read_output(outputs / f"{picture.name}_0.npy", Layout(shape=(None, 4)))
            layout = Layout(shape=(len(categories), len(boxes)))
            scores = read_output(outputs / f"{picture.name}_1.npy", layout)
            found = suppress(boxes, scores, score=0.05, overlap=0.5, most=100)
            size = read_image(picture.image).shape[:2]
            corners = _Place.of(size, self.size).undone(found.boxes)
            results.extend(_records(picture.truth, corners, found, categories))
        return coco_precision(results, annotations)

    def tiny(self, folder: Path) -> None:
        """A broad and a tall picture of coloured boxes."""
        write_things(folder, ((480, 640), (500, 333)))


@dataclass(frozen=True)
class _Place:
    """Where a picture lies in the network's, whose sides it touches in one direction."""

    old: tuple[int, int]
    """Height and width before."""
    size: tuple[int, int]
    """Height and width in the network's picture."""
    top: int
    left: int
    scale: float

    @classmethod
    def of(cls, old: tuple[int, ...], new: tuple[int, int]) -> "_Place":
        """Scaled by one factor (mmcv: imrescale), in the middle."""
        height, width = old
        scale = min(new[0] / height, new[1] / width)
        size = int(height * scale + 0.5), int(width * scale + 0.5)
        return cls((height, width), size, (new[0] - size[0]) // 2, (new[1] - size[1]) // 2, scale)

    @property
    def inside(self) -> tuple[slice, slice]:
        """Its rows and columns."""
        height, width = self.size
        return slice(self.top, self.top + height), slice(self.left, self.left + width)

    def undone(self, corners: Array) -> Array:
        """Corners ``[N, 4]`` as they lie in the picture before, within its edges."""
        height, width = self.old
        moved = corners - np.array((self.left, self.top) * 2, np.float32)
        inside: Array = np.clip(moved / np.float32(self.scale), 0, (width, height) * 2)
        return inside


def _annotations(data: Path) -> Any:
    return read_json(data / "annotations" / "instances_val2017.json")


def _records(
    image: int, corners: Array, found: Detections, categories: tuple[int, ...]
) -> Iterator[dict[str, Any]]:
    """The results of one picture, as COCO's evaluation takes them."""
    for (left, top, right, bottom), score, number in zip(
        corners.tolist(), found.scores.tolist(), found.classes.tolist(), strict=True
    ):
        yield {
            "image_id": image,
            "category_id": categories[number],
            "bbox": [left, top, right - left, bottom - top],
            "score": score,
        }

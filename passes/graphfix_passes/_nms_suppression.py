"""What a NonMaxSuppression is asked to do, where BatchMultiClassNMS can do it."""

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from graphfix.rewrite import Rewriter, Skip
from graphfix_passes._known import dims
from graphfix_passes._nms_region import Region, is_suppression

_OPSETS = range(11, 23)
"""In which BatchMultiClassNMS can be written."""

_LOWEST = float(np.finfo(np.float32).min)
"""The threshold that every score passes, for a suppression that has none."""


@dataclass(frozen=True)
class Suppression:
    """Inputs of a NonMaxSuppression."""

    boxes: ir.Value
    """[B, N, 4], corners."""
    scores: ir.Value
    """[B, C, N]."""
    most: int
    """Boxes to keep for each class."""
    overlap: float
    score: float


def read_suppression(node: ir.Node, region: Region, rw: Rewriter) -> Suppression | Skip:
    """Read the only suppression of a region, or say why BatchMultiClassNMS cannot do it."""
    if len(region.suppressions) > 1:
        return rw.skip(f"there are {len(region.suppressions)} of them")
    if not is_suppression(node):
        return rw.skip("it is in a subgraph")
    if rw.opset not in _OPSETS:
        return rw.skip(
            f"opset {rw.opset} cannot express it, only {_OPSETS[0]} to {_OPSETS[-1]} can"
        )
    boxes, scores = node.inputs[:2]
    assert boxes is not None
    assert scores is not None
    if region.makes(boxes) or region.makes(scores):
        return rw.skip("the data decide the number of its boxes in front of it already")
    if rw.attr_int(node, "center_point_box", 0):
        return rw.skip("its boxes are centre and size, only corners are replaced")
    known = dims(scores)
    classes = known[1] if known is not None and len(known) == 3 else None
    if not isinstance(classes, int) or scores.dtype is None or boxes.dtype is None:
        return rw.skip("the type of its inputs or the number of classes is not known")
    if classes == 1 and _shifted(boxes, rw):
        return rw.skip(
            "its scores have one class and its boxes are a sum, such as boxes moved apart by "
            "class, which are no longer boxes of the picture"
        )
    numbers = [_number(node, index, rw) for index in (2, 3, 4)]
    if None in numbers:
        return rw.skip("its limit or a threshold is computed")
    most, overlap, least = (number or 0.0 for number in numbers)
    if most < 1 or not 0 <= overlap <= 1:
        return rw.skip(f"its limit is {most:g} and its overlap {overlap:g}, which keeps nothing")
    low = least if rw.has_input(node, 4) else _LOWEST
    return Suppression(boxes, scores, int(most), overlap, low)


def _number(node: ir.Node, index: int, rw: Rewriter) -> float | None:
    """An optional constant, 0 when it is absent; ``None`` when it is computed."""
    if not rw.has_input(node, index):
        return 0.0
    number = rw.scalar(rw.input(node, index))
    return None if number is None else float(number)


def _shifted(boxes: ir.Value, rw: Rewriter) -> bool:
    node = rw.producer(boxes)
    while node is not None and node.op_type in ("Identity", "Reshape", "Squeeze", "Unsqueeze"):
        node = rw.producer(node.inputs[0])
    return node is not None and node.op_type == "Add"

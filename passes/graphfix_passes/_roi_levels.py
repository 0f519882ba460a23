"""Which level of a feature pyramid a region belongs to, read from the arithmetic of a detector.

Lin et al., *Feature Pyramid Networks for Object Detection* (2017), equation 1, in the forms of
mmdetection and torchvision: the logarithm of the size of a region, rounded down and limited.
"""

import math
from dataclasses import dataclass
from typing import Final

import onnx_ir as ir

from graphfix.rewrite import Rewriter, Skip
from graphfix_passes._slices import cuts

_LITTLE: Final = 1e-5
"""Summands up to here only keep sizes off the bound between two levels."""

_OTHER: Final = Skip("its levels are not the rounded logarithm of the sizes of the regions")


@dataclass(frozen=True)
class Levels:
    """Level ``floor(log2(sqrt(width * height) / finest))`` from 0 to ``count`` - 1."""

    finest: int
    count: int


def levels_of(value: ir.Value, regions: ir.Value, rw: Rewriter) -> Levels | Skip:
    """What the integers ``value`` are for regions ``[image, x1, y1, x2, y2]``."""
    value, first = _shifted(_uncast(value, rw), rw)
    clip = rw.producer(_uncast(value, rw), "Clip")  # what it makes is whole: a Cast cuts nothing
    floor = rw.producer(clip.inputs[0], "Floor") if clip is not None else None
    if clip is None or floor is None or floor.inputs[0] is None:
        return _OTHER
    low, high = (_bound(clip, name, port, rw) for name, port in (("min", 1), ("max", 2)))
    power, octaves = _shifted(floor.inputs[0], rw)
    ratio = _log2_of(power, rw)
    if ratio is None or low is None or high is None:
        return _OTHER
    ratio, little = _shifted(ratio, rw)
    root, factor = _scaled(ratio, rw)
    square = rw.producer(root, "Sqrt")
    if square is None or not _is_area(square.inputs[0], regions, rw):
        return _OTHER
    if first % 1 or low + first != 0 or high % 1 or abs(little) > _LITTLE:
        return _OTHER
    finest = 2.0 ** -(round(octaves) + first) / factor
    if abs(octaves - round(octaves)) > _LITTLE or abs(finest - round(finest)) > 1e-3 * finest:
        return _OTHER
    if round(finest) < 1:
        return _OTHER
    return Levels(round(finest), round(high + first) + 1)


def _uncast(value: ir.Value, rw: Rewriter) -> ir.Value:
    while (node := rw.producer(value, "Cast", "Identity")) is not None:
        assert node.inputs[0] is not None
        value = node.inputs[0]
    return value


def _operand(node: ir.Node, rw: Rewriter) -> tuple[ir.Value, float, int] | None:
    """The computed input of an operator of two, the number that is the other one, and its port."""
    for port, value in enumerate(node.inputs):
        number, other = rw.scalar(value), node.inputs[1 - port]
        if number is not None and other is not None:
            return other, float(number), port
    return None


def _shifted(value: ir.Value, rw: Rewriter) -> tuple[ir.Value, float]:
    """What numbers are added to, and their sum."""
    total = 0.0
    while (node := rw.producer(value, "Add", "Sub")) is not None:
        found = _operand(node, rw)
        if found is None or (node.op_type == "Sub" and found[2] == 0):
            break
        value = found[0]
        total += found[1] if node.op_type == "Add" else -found[1]
    return value, total


def _scaled(value: ir.Value, rw: Rewriter) -> tuple[ir.Value, float]:
    """What is multiplied by a number, or divided, and the factor."""
    node = rw.producer(value, "Mul", "Div")
    found = _operand(node, rw) if node is not None else None
    if node is None or found is None or found[1] <= 0 or (node.op_type == "Div" and found[2] == 0):
        return value, 1.0
    return found[0], found[1] if node.op_type == "Mul" else 1 / found[1]


def _log2_of(value: ir.Value, rw: Rewriter) -> ir.Value | None:
    logarithm, factor = _scaled(value, rw)
    node = rw.producer(logarithm, "Log")
    if node is None or not math.isclose(factor * math.log(2), 1, rel_tol=1e-6):
        return None
    return node.inputs[0]


def _bound(clip: ir.Node, name: str, port: int, rw: Rewriter) -> float | None:
    """A limit of a Clip, an attribute in old opsets."""
    if name in clip.attributes:
        return rw.attr_float(clip, name, 0.0)
    number = rw.scalar(rw.input(clip, port))
    return None if number is None else float(number)


def _is_area(value: ir.Value | None, regions: ir.Value, rw: Rewriter) -> bool:
    """Whether a value is the width times the height of the regions."""
    product = rw.producer(value, "Mul")
    sides = [_side(factor, regions, rw) for factor in product.inputs] if product is not None else []
    return None not in sides and sorted(side for side in sides if side) == [(3, 1), (4, 2)]


def _side(value: ir.Value | None, regions: ir.Value, rw: Rewriter) -> tuple[int, int] | None:
    """The column of the regions that another one is subtracted from, and that one."""
    difference = rw.producer(value, "Sub")
    if difference is None:
        return None
    larger, smaller = (_column(each, regions, rw) for each in difference.inputs)
    return None if larger is None or smaller is None else (larger, smaller)


def _column(value: ir.Value | None, regions: ir.Value, rw: Rewriter) -> int | None:
    """Which column of the regions a value is, from them or from what they are joined of."""
    index = 0
    joined = rw.producer(regions, "Concat")
    boxes = joined.inputs[-1] if joined is not None and len(joined.inputs) == 2 else None
    while value is not None:
        if value is regions:
            return index
        if value is boxes and (rw.facts.dims(boxes) or (0,))[-1] == 4:
            return index + 1
        start = _first_column(rw.producer(value, "Gather", "Slice", "Squeeze", "Identity"), rw)
        if start is None:
            return None
        node = value.producer()
        assert node is not None
        index, value = index + start, node.inputs[0]
    return None


def _first_column(node: ir.Node | None, rw: Rewriter) -> int | None:
    """Where the columns begin that a node takes; ``None`` when it does something else."""
    if node is None:
        return None
    if node.op_type == "Gather":
        number = rw.scalar(node.inputs[1])
        return int(number) if rw.attr_int(node, "axis", 0) == 1 and number is not None else None
    if node.op_type == "Slice":
        kept = cuts(node, (None, None), rw)
        if isinstance(kept, Skip) or set(kept) != {1} or kept[1][2] != 1 or kept[1][0] < 0:
            return None
        return kept[1][0]
    if node.op_type == "Squeeze":
        return 0 if rw.param_ints(node, "axes", 1) in ((1,), (-1,)) else None
    return 0

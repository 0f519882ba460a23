"""RoiAligns that read each another level of a feature pyramid, and what joins their results."""

from dataclasses import dataclass
from typing import Final

import onnx_ir as ir

from graphfix.rewrite import Rewriter, Skip
from graphfix_passes._known import known_array
from graphfix_passes._slices import cuts

_MERGES: Final = ("Add", "ScatterElements", "ScatterND")
_MOST_LEVELS: Final = 16

Member = tuple[ir.Value, int]
"""The levels of the regions, and the one of a RoiAlign."""


@dataclass(frozen=True)
class Part:
    """A RoiAlign in a group: ``levels == number`` says which regions it reads."""

    align: ir.Node
    regions: ir.Value
    """[K, 5]: the number of the image, x1, y1, x2, y2."""
    levels: ir.Value
    number: int


def align_of(node: ir.Node, rw: Rewriter) -> ir.Node | None:
    """The RoiAlign whose result a node joins with others."""
    if node.op_type != "Add":
        return rw.producer(rw.input(node, 2), "RoiAlign")
    products = (rw.producer(value, "Mul") for value in node.inputs)
    factors = (value for product in products if product is not None for value in product.inputs)
    return next((n for n in (rw.producer(v, "RoiAlign") for v in factors) if n is not None), None)


def is_last(node: ir.Node, rw: Rewriter) -> bool:
    """Whether no other RoiAlign is joined with what the node makes."""
    return not any(
        use.node.op_type in _MERGES and align_of(use.node, rw) is not None
        for use in node.outputs[0].uses()
    )


def parts_of(node: ir.Node, rw: Rewriter) -> tuple[Part, ...] | Skip:
    """The RoiAligns of a group that ends with ``node``, one for each level."""
    found: list[Part] = []
    while len(found) < _MOST_LEVELS:
        align = align_of(node, rw)
        assert align is not None, "asked before"
        if rw.facts.dims(align.inputs[1]) is None:
            return rw.skip("the rank of its regions is not known")
        merged = _merged(node, align, rw)
        selected = _selected(align, rw)
        if rw.producer(align.inputs[1], "Sub") is not None:
            return rw.skip("its regions are moved, as exporters do below opset 16 for half_pixel")
        if merged is None or selected is None:
            return rw.skip("it is not seen which regions a RoiAlign reads, or where it writes them")
        base, member = merged
        regions, own = selected
        if member != own:
            return rw.skip("a RoiAlign writes to other places than it reads")
        found.append(Part(align, regions, *member))
        if _is_zero(base, rw):
            rows, every = rw.facts.dims(base), rw.facts.dims(regions)
            if rows is None or every is None or rows[0] != every[0] or every[1:] != (5,):
                return rw.skip("its regions are not rows of five numbers, one for each result")
            return tuple(found)
        following = rw.producer(base, *_MERGES)
        if following is None or align_of(following, rw) is None:
            return rw.skip("its results are not written into zeros")
        node = following
    return rw.skip(f"it has more than {_MOST_LEVELS} levels")


def _merged(node: ir.Node, align: ir.Node, rw: Rewriter) -> tuple[ir.Value, Member] | None:
    """What the results are written into, and for which regions."""
    result = align.outputs[0]
    if node.op_type == "Add":
        for base, added in (node.inputs, tuple(reversed(node.inputs))):
            product = rw.producer(added, "Mul")
            if product is None or base is None or result not in product.inputs:
                continue
            mask = next((value for value in product.inputs if value is not result), None)
            member = _flag(mask, rw)
            return None if member is None else (base, member)
        return None
    base, indices, update = node.inputs
    if base is None or update is not result or rw.attr_str(node, "reduction", "none") != "none":
        return None
    if node.op_type == "ScatterElements":
        if rw.attr_int(node, "axis", 0) != 0:
            return None
        expand = rw.producer(indices, "Expand")
        indices = expand.inputs[0] if expand is not None else None
        sizes = rw.facts.dims(indices)
        if sizes is None or any(size != 1 for size in sizes[1:]):
            return None
    member = _rows(indices, rw)
    return None if member is None else (base, member)


def _selected(align: ir.Node, rw: Rewriter) -> tuple[ir.Value, Member] | None:
    """The regions that a RoiAlign chooses from, and its choice."""
    boxes, images = (_columns(value, rw) for value in align.inputs[1:3])
    if boxes is None or images is None or boxes[0] is not images[0]:
        return None
    if boxes[1:] != (1, 5) or images[1:] != (0, 1):
        return None
    chosen = rw.producer(boxes[0], "Gather", "Mul")
    if chosen is None:
        return None
    regions, choice = chosen.inputs
    if chosen.op_type == "Gather":
        member = _rows(choice, rw) if rw.attr_int(chosen, "axis", 0) == 0 else None
        return None if member is None or regions is None else (regions, member)
    for every, mask in ((regions, choice), (choice, regions)):
        member = _flag(mask, rw)
        if member is not None and every is not None:
            return every, member
    return None


def _columns(value: ir.Value | None, rw: Rewriter) -> tuple[ir.Value, int, int] | None:
    """What columns were taken of, the first of them, and the one behind the last."""
    while (node := rw.producer(value, "Cast", "Identity", "Squeeze")) is not None:
        value = node.inputs[0]
    node = rw.producer(value, "Gather", "Slice")
    if node is None or node.inputs[0] is None:
        return None
    if node.op_type == "Gather":
        listed = rw.ints(node.inputs[1])
        if not listed or rw.attr_int(node, "axis", 0) != 1:
            return None
        first, last = listed[0], listed[-1] + 1
        return (node.inputs[0], first, last) if listed == tuple(range(first, last)) else None
    kept = cuts(node, (None, None), rw)
    if isinstance(kept, Skip) or set(kept) != {1} or kept[1][2] != 1:
        return None
    return node.inputs[0], kept[1][0], min(kept[1][1], 5)


def _rows(value: ir.Value | None, rw: Rewriter) -> Member | None:
    """What indices of rows were looked for."""
    moves = ("Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze")
    while (node := rw.producer(value, *moves)) is not None:
        value = node.inputs[0]  # of one row of numbers none changes the order
    found = rw.producer(value, "NonZero")
    return _equal(found.inputs[0], rw) if found is not None else None


def _flag(value: ir.Value | None, rw: Rewriter) -> Member | None:
    """Of which regions a factor is 1, with 0 for the others and the same for all of a row."""
    rows = rw.facts.dims(value)
    moves = ("Cast", "Expand", "Identity", "Reshape", "Squeeze", "Unsqueeze")
    while (node := rw.producer(value, *moves)) is not None:
        value = node.inputs[0]
        before = rw.facts.dims(value)
        if not rows or not before or before[0] != rows[0]:
            return None
    return _equal(value, rw)


def _equal(value: ir.Value | None, rw: Rewriter) -> Member | None:
    node = rw.producer(value, "Equal")
    for levels, number in (node.inputs, tuple(reversed(node.inputs))) if node is not None else ():
        level = rw.scalar(number)
        if level is not None and levels is not None and rw.rank(levels) == 1:
            return levels, int(level)
    return None


def _is_zero(value: ir.Value, rw: Rewriter) -> bool:
    maker, array = rw.producer(value, "ConstantOfShape"), known_array(value, rw)
    if array is not None or maker is None:
        return array is not None and not array.any()
    fill = maker.attributes.get("value")
    return fill is None or (not fill.is_ref() and not fill.as_tensor().numpy().any())

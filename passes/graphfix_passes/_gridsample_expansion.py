"""A bilinear grid_sample that was written out in standard operators before or at export.

paddle2onnx 0.9.8 and mmcv's ``bilinear_grid_sample`` (which point-sampling heads call instead of
``grid_sample``) both do this: pad the image by one zero on each side, take the floor of the
positions, clip the four corners to the padded image, gather each with GatherND or GatherElements,
weigh, add, reshape. paddle2onnx needs some 700 nodes for it.

What is looked at here tells image, grid and align_corners; that the rest is a bilinear sampling is
left to the comparison of the numbers before and after, which the pass promises.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import onnx_ir as ir

from graphfix.rewrite import Skip, constant_array
from graphfix_passes._gridsample_placeholder import pad_widths

_LAYOUT = frozenset(("Identity", "Reshape", "Squeeze", "Unsqueeze", "Cast", "Flatten", "Expand"))
"""Operators that keep every number as it is."""


@dataclass(frozen=True)
class Expansion:
    """Bilinear sampling of ``image`` at ``grid`` with zeros outside; ``output`` is the result."""

    image: ir.Value
    grid: ir.Value
    output: ir.Value
    align_corners: bool


def resembles_expansion(reshape: ir.Node) -> bool:
    """Whether a Reshape ends a sum of four products with gathered pixels."""
    return len(_gathers(reshape)) == 4


def find_expansion(reshape: ir.Node) -> Expansion | Skip:
    """The sampling whose last node is ``reshape``, or what is missing from one."""
    gathers = _gathers(reshape)
    tables = {_through_layout(gather.inputs[0]) for gather in gathers}
    if len(tables) != 1:
        return _not("its four pixels come from different images")
    image = _padded_image(tables.pop())
    if image is None:
        return _not("the image is not padded by one zero on each side")
    floors = list(dict.fromkeys(floor for g in gathers for floor in _floors(g.inputs[1])))
    positions = [_Position.read(floor.inputs[0]) for floor in floors]
    grids = {position.grid for position in positions}
    if sorted(position.coordinate for position in positions) != [0, 1] or len(grids) != 1:
        return _not("its positions are not made from the two coordinates of one grid")
    (grid,) = grids
    corners = {position.corner for position in positions}
    if grid is None or corners not in ({0.0}, {-0.5}):
        return _not("-1 is neither the centre nor the edge of its first pixel")
    for role, value in (("image", image), ("grid", grid)):
        if value.shape is None or len(value.shape) != 4:
            return _not(f"the {role} is not known to have rank 4")
    return Expansion(image, grid, reshape.outputs[0], corners == {0.0})


def _not(reason: str) -> Skip:
    return Skip(f"not a grid_sample in standard operators: {reason}")


def _gathers(reshape: ir.Node) -> tuple[ir.Node, ...]:
    """The Gather nodes under a Reshape of a sum of products, if every product has one."""
    if reshape.op_type != "Reshape" or not reshape.inputs:
        return ()
    found = []
    for term in _terms(reshape.inputs[0]):
        product = _producer(term)
        if product is None or product.op_type != "Mul":
            return ()
        sides = [_producer(_through_layout(side)) for side in product.inputs]
        gather = [n for n in sides if n is not None and n.op_type in ("GatherND", "GatherElements")]
        if len(gather) != 1:
            return ()
        found += gather
    return tuple(found)


def _terms(value: ir.Value | None, depth: int = 3) -> Iterator[ir.Value | None]:
    """The summands of a tree of Adds."""
    node = _producer(value)
    if node is not None and node.op_type == "Identity":
        yield from _terms(node.inputs[0], depth)
    elif node is not None and node.op_type == "Add" and depth:
        for side in node.inputs:
            yield from _terms(side, depth - 1)
    else:
        yield value


def _producer(value: ir.Value | None) -> ir.Node | None:
    node = value.producer() if value is not None else None
    return node if node is not None and node.domain in ("", "ai.onnx") else None


def _through_layout(value: ir.Value | None) -> ir.Value | None:
    node = _producer(value)
    while node is not None and node.op_type in _LAYOUT:
        value = node.inputs[0]
        node = _producer(value)
    return value


def _padded_image(table: ir.Value | None) -> ir.Value | None:
    pad = _producer(table)
    if pad is None or pad.op_type != "Pad":
        return None
    pads = pad_widths(pad)
    fill = pad.inputs[2] if len(pad.inputs) > 2 else None
    value = constant_array(fill)
    if pads is None or (fill is not None and (value is None or value.any())):
        return None
    rim = (*[0] * (len(pads) // 2 - 2), 1, 1)
    if pads != rim * 2 or pad.attributes.get_string("mode", "constant") != "constant":
        return None
    return _through_layout(pad.inputs[0])


def _floors(value: ir.Value | None) -> Iterator[ir.Node]:
    """The nearest Floor nodes above a value."""
    seen: set[ir.Node] = set()
    queue = [value]
    while queue:
        node = _producer(queue.pop())
        if node is None or node in seen:
            continue
        seen.add(node)
        if node.op_type == "Floor":
            yield node
        else:
            queue += node.inputs


@dataclass
class _Position:
    """A position in pixels, made from one coordinate of a grid."""

    grid: ir.Value | None = None
    coordinate: int = -1
    corner: float | None = None
    """Where the position lies when the coordinate is -1."""

    @classmethod
    def read(cls, value: ir.Value | None) -> "_Position":
        position = cls()
        position.corner = position._at_corner(value)
        return position

    def _at_corner(self, value: ir.Value | None) -> float | None:
        """The number at a coordinate of -1; ``None`` where it depends on the size."""
        value = _through_layout(value)
        known = constant_array(value)
        if known is not None:
            return float(known.reshape(-1)[0]) if known.size == 1 else None
        node = _producer(value)
        if node is None:
            return None
        if node.op_type in ("Slice", "Gather") and self._is_coordinate(node):
            return -1.0
        if node.op_type not in ("Add", "Sub", "Mul", "Div"):
            return None
        a, b = (self._at_corner(side) for side in node.inputs)
        if (node.op_type == "Mul" and 0.0 in (a, b)) or (node.op_type == "Div" and a == 0.0):
            return 0.0  # times or over a size, which is finite and not 0
        if a is None or b is None:
            return None
        if node.op_type == "Div":
            return a / b if b else None
        return {"Add": a + b, "Sub": a - b, "Mul": a * b}[node.op_type]

    def _is_coordinate(self, node: ir.Node) -> bool:
        source = node.inputs[0]
        if source is None or source.shape is None or len(source.shape) != 4:
            return False
        if node.op_type == "Gather":
            axes: object = node.attributes.get_int("axis", 0)
            begin, end = constant_array(node.inputs[1]), None
        elif len(node.inputs) < 4:
            return False
        else:
            begin, end, at = (constant_array(value) for value in node.inputs[1:4])
            axes = None if at is None or at.size != 1 else int(at[0])
        if begin is None or begin.size != 1 or axes not in (3, -1):
            return False
        coordinate = int(begin.reshape(-1)[0])
        if node.op_type == "Slice" and (end is None or (coordinate == 0) != (end[0] in (1, -1))):
            return False
        self.grid, self.coordinate = source, coordinate
        return True

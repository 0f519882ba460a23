"""Places the boxes of a small graph in layers, every edge pointing down."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

GAP_X = 18.0
GAP_Y = 34.0
BOX_HEIGHT = 28.0
CHARACTER = 7.3
"""Width of a character at 12 px in the page's fixed-width font."""
PADDING = 20.0
SWEEPS = 6
"""Rounds of ordering; small graphs are stable after three or four."""


@dataclass(frozen=True)
class Box:
    """Something drawn: a node, a value from around the site, a constant, or a result."""

    kind: str
    label: str
    title: str
    x: float = 0.0
    """Centre."""
    y: float = 0.0
    """Top."""

    @property
    def width(self) -> float:
        """In pixels."""
        return len(self.label) * CHARACTER + PADDING


@dataclass(frozen=True)
class Drawing:
    """Boxes with their places, edges as pairs of box numbers with the name of the value."""

    boxes: tuple[Box, ...]
    edges: tuple[tuple[int, int, str], ...]
    width: float
    height: float


def place(boxes: Sequence[Box], edges: Sequence[tuple[int, int, str]]) -> Drawing:
    """Give every box its place: as high as its makers allow, near what it is connected with.

    ``edges`` must not form a circle, and makers come before readers in ``boxes``, but for those
    without makers, which may stand anywhere: they go right above their first reader.
    """
    above: list[list[int]] = [[] for _ in boxes]
    below: list[list[int]] = [[] for _ in boxes]
    for start, end, _ in edges:
        above[end].append(start)
        below[start].append(end)
    layers = _layers(above, below)
    rows: list[list[int]] = [[] for _ in range(max(layers, default=-1) + 1)]
    for number, layer in enumerate(layers):
        rows[layer].append(number)
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        order = {number: k / max(len(row), 1) for row in rows for k, number in enumerate(row)}
        for row in rows if down else rows[::-1]:
            near = above if down else below
            wish = {n: _mean([order[o] for o in near[n]], order[n]) for n in row}
            row.sort(key=lambda number, wish=wish: wish[number])  # type: ignore[misc]  # bound now
            order.update({number: k / max(len(row), 1) for k, number in enumerate(row)})
    widths = [sum(boxes[n].width + GAP_X for n in row) - GAP_X for row in rows]
    width = max(widths, default=0.0)
    placed = list(boxes)
    for layer, row in enumerate(rows):
        x = (width - widths[layer]) / 2
        for number in row:
            box = boxes[number]
            top = layer * (BOX_HEIGHT + GAP_Y)
            placed[number] = replace(box, x=x + box.width / 2, y=top)
            x += box.width + GAP_X
    height = len(rows) * (BOX_HEIGHT + GAP_Y) - GAP_Y if rows else 0.0
    return Drawing(tuple(placed), tuple(edges), width, height)


def _layers(above: Sequence[Sequence[int]], below: Sequence[Sequence[int]]) -> list[int]:
    layers = [0] * len(above)
    waiting = [len(makers) for makers in above]
    ready = [number for number, count in enumerate(waiting) if not count]
    while ready:
        number = ready.pop()
        for reader in below[number]:
            layers[reader] = max(layers[reader], layers[number] + 1)
            waiting[reader] -= 1
            if not waiting[reader]:
                ready.append(reader)
    for number, makers in enumerate(above):
        if not makers and below[number]:
            layers[number] = min(layers[reader] for reader in below[number]) - 1
    return layers


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise

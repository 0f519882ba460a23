"""Small patterns of producers, with port numbers: the part of a graph above a value.

>>> squeeze = Op("Squeeze", Op("Pad", Op("Unsqueeze", Operand("grid"))))
>>> found = squeeze.match(value)          # None, or {"grid": <value>, ...}
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import onnx_ir as ir

Match = Mapping[str, ir.Value]
_Values = tuple[ir.Value | None, ...]


class Pattern(Protocol):
    """Anything that can stand as an input in an :class:`Op`."""

    def match(self, value: ir.Value | None) -> Match | None:
        """The captured values when ``value`` fits, else ``None``."""


@dataclass(frozen=True)
class Operand:
    """Fits every value that is present; remembers it under ``name`` when one is given."""

    name: str = ""

    def match(self, value: ir.Value | None) -> Match | None:
        """Fits when there is a value."""
        if value is None:
            return None
        return {self.name: value} if self.name else {}


class Op:
    """Fits a value that output ``port`` of such a node makes.

    ``op_type`` may list alternatives (``"Add|Sub"``). Inputs are matched by position; fewer
    patterns than inputs leave the rest free. ``commutes`` tries the first two inputs both ways
    round. ``name`` remembers the value itself.
    """

    def __init__(
        self,
        op_type: str,
        *inputs: Pattern,
        port: int = 0,
        name: str = "",
        commutes: bool = False,
        domain: str = "",
    ) -> None:
        self.op_types = frozenset(op_type.split("|"))
        self.inputs = inputs
        self.port = port
        self.name = name
        self.commutes = commutes
        self.domain = "" if domain == "ai.onnx" else domain

    def match(self, value: ir.Value | None) -> Match | None:
        """Fits when the producer and, recursively, its inputs fit; the first way that fits."""
        return next(self._ways(value), None)

    def _ways(self, value: ir.Value | None) -> Iterator[Match]:
        """Every way to fit, which are several when operators inside commute."""
        node = value.producer() if value is not None else None
        if value is None or node is None or value.index() != self.port:
            return
        domain = "" if node.domain == "ai.onnx" else node.domain
        if node.op_type not in self.op_types or domain != self.domain:
            return
        own: Match = {self.name: value} if self.name else {}
        for inputs in self._orders(tuple(node.inputs)):
            yield from _join(own, tuple(zip(self.inputs, inputs, strict=False)))

    def _orders(self, values: tuple[ir.Value | None, ...]) -> Iterator[_Values]:
        if len(values) < len(self.inputs):
            return
        yield values
        if self.commutes and len(values) > 1 and values[0] is not values[1]:
            yield (values[1], values[0], *values[2:])


def _join(found: Match, rest: tuple[tuple[Pattern, ir.Value | None], ...]) -> Iterator[Match]:
    """Every way to fit all of ``rest`` without a name standing for two values."""
    if not rest:
        yield found
        return
    (pattern, value), *others = rest
    for more in _ways_of(pattern, value):
        if all(found.get(name, item) is item for name, item in more.items()):
            yield from _join({**found, **more}, tuple(others))


def _ways_of(pattern: Pattern, value: ir.Value | None) -> Iterator[Match]:
    if isinstance(pattern, Op):
        yield from pattern._ways(value)
        return
    match = pattern.match(value)
    if match is not None:
        yield match

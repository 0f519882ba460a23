"""Small patterns of producers, with port numbers: the part of a graph above a value.

>>> squeeze = Op("Squeeze", Op("Pad", Op("Unsqueeze", Operand("grid"))))
>>> found = squeeze.match(value)          # None, or {"grid": <value>, ...}
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import permutations
from typing import Protocol

import onnx_ir as ir

Match = Mapping[str, ir.Value]


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
        self.domain = domain

    def match(self, value: ir.Value | None) -> Match | None:
        """Fits when the producer and, recursively, its inputs fit."""
        node = value.producer() if value is not None else None
        if value is None or node is None or value.index() != self.port:
            return None
        if node.op_type not in self.op_types or (node.domain or "") not in (self.domain, "ai.onnx"):
            return None
        inner = self._match_inputs(tuple(node.inputs))
        if inner is None:
            return None
        return {**inner, self.name: value} if self.name else inner

    def _match_inputs(self, values: tuple[ir.Value | None, ...]) -> Match | None:
        if len(values) < len(self.inputs):
            return None
        orders = permutations(values[:2]) if self.commutes else (values[:2],)
        for order in orders:
            captured: dict[str, ir.Value] = {}
            for pattern, value in zip(self.inputs, (*order, *values[2:]), strict=False):
                found = pattern.match(value)
                if found is None or any(captured.get(k, v) is not v for k, v in found.items()):
                    break
                captured.update(found)
            else:
                return captured
        return None

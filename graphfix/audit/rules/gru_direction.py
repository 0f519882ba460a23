"""GF256: GRU whose direction does not fit."""

from collections.abc import Iterator
from typing import Final

import onnx_ir as ir

from graphfix.audit.reading import text
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity

_DIRECTIONS: Final = {"forward": 1, "reverse": 1, "bidirectional": 2}


class GruDirection(NodeRule):
    """The direction of a GRU must be forward, reverse or bidirectional, and fit its weights.

    The first dim of W is 1, or 2 for bidirectional. ATC stops otherwise, as ONNX does; files that
    were edited by hand have it.
    """

    id = "GF256"
    title = "direction of GRU"
    severity = Severity.ERROR
    citation = "canndev 2022-06-30: gru_fusion_pass.cc"
    covers = ("GRU/2",)
    op_types = ("GRU",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """The attribute against the first dim of the weights."""
        direction = text(node, "direction", "forward")
        directions = _DIRECTIONS.get(direction)
        shape = view.shape(view.input(node, 1))
        if directions is None:
            yield self.finding(
                f"has direction={direction}, and ATC takes {', '.join(_DIRECTIONS)}",
                view.label(node),
            )
        elif shape and shape[0] not in (directions, None):
            yield self.finding(
                f"has direction={direction} and W for {shape[0]} directions",
                view.label(node),
                advice="write the direction that the weights are for",
            )

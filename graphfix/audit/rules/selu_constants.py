"""GF342: Selu with constants of its own."""

from collections.abc import Iterator
from typing import Final

import onnx_ir as ir

from graphfix.audit.reading import real
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity

_DEFAULTS: Final = {"alpha": 1.67326324235, "gamma": 1.05070098736}
_TOLERANCE: Final = 1e-5


class SeluConstants(NodeRule):
    """A Selu has ``alpha`` or ``gamma`` other than those of the paper.

    ATC's plugin refuses a difference of more than 1e-5. Elu with that alpha, times gamma, is the
    same; ``selu`` writes it so.
    """

    id = "GF342"
    title = "constants of Selu"
    severity = Severity.ERROR
    citation = "hicann/ops-nn: selu_onnx_plugin.cpp"
    covers = ("Selu/1",)
    op_types = ("Selu",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """Compared as ATC compares."""
        for name, default in _DEFAULTS.items():
            value = real(node, name, default)
            if not abs(value - default) <= _TOLERANCE:
                yield self.finding(
                    f"has {name} {value:g}; ATC takes {default:.6g} alone",
                    view.label(node),
                    remedy="selu",
                )

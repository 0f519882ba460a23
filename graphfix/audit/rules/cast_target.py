"""GF347: Cast to a type that ATC does not have."""

from collections.abc import Iterator
from typing import Final

import onnx_ir as ir

from graphfix.audit.reading import integer
from graphfix.audit.releases import between
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity

_LAST_IN_2022: Final = ir.DataType.UINT64
_LAST: Final = ir.DataType.BFLOAT16
"""Types are numbered; the plugins know them up to these."""


class CastTarget(NodeRule):
    """A Cast goes to a type that ATC's plugin does not know.

    Up to CANN 6.0 these are complex numbers and bfloat16, and the conversion fails at the node.
    Later it is float8 and types of fewer bits: the plugin goes on with an undefined type, and the
    conversion fails behind it.
    """

    id = "GF347"
    title = "target of Cast"
    severity = Severity.ERROR
    citation = "hicann/ops-math: cast_onnx_plugin.cpp; canndev 2022-06-30: cast_plugin.cc"
    covers = ("Cast/1",)
    op_types = ("Cast",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """By the number of the type."""
        last = _LAST_IN_2022 if between(view.profile, "5.1", "6.0") else _LAST
        target = integer(node, "to", 1)
        if 1 <= target <= last:
            return
        known = target in {int(each) for each in ir.DataType} and target > 0
        name = ir.DataType(target).name.lower() if known else f"type {target}"
        yield self.finding(
            f"goes to {name}, which ATC does not know",
            view.label(node),
            advice="cast to float16 or float instead",
        )

"""GF302: forms of Constant that ATC does not read."""

from collections.abc import Iterator
from typing import Final

import onnx_ir as ir

from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity

_FORMS: Final = (
    "value_float", "value_floats", "value_int", "value_ints", "value_string", "value_strings",
    "sparse_value",
)  # fmt: skip


class ConstantAttributes(NodeRule):
    """A Constant keeps its data in an attribute other than ``value``.

    ATC's parser reads ``value`` alone. From the others it makes an empty tensor, without a message,
    and what reads it computes with nothing. ``constants`` makes initializers of them.
    ``lower``, and ``apply`` for a target, write ``value``.
    """

    id = "GF302"
    title = "Constant without value"
    severity = Severity.WRONG
    citation = "hicann/ge: parser/parser/onnx/onnx_constant_parser.cc"
    covers = ("Constant/1", "S12")
    op_types = ("Constant",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """One of the other forms."""
        for name in _FORMS:
            if name in node.attributes:
                yield self.finding(
                    f"keeps its data in {name}; ATC reads value alone and makes it empty",
                    view.label(node),
                    remedy="constants",
                )

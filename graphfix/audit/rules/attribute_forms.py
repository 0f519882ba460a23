"""GF228: parameters in the form of another opset."""

from collections.abc import Iterator
from typing import Final

import onnx_ir as ir

from graphfix.audit.reading import ints
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity

_FORMS: Final = {
    "Pad": (11, ("pads",)),
    "Slice": (10, ("starts", "ends")),
    "TopK": (10, ("k",)),
}
"""The first opset that has them as inputs, in this order after the data; attributes before."""


class AttributeForms(NodeRule):
    """A Pad, Slice or TopK has its parameters where the opset of the model has none.

    They are attributes in old opsets and inputs in newer ones, and ATC looks where the opset of the
    model says: Pad up to opset 10, Slice and TopK up to 9 need the attributes. Scripts that change
    the opset number of a file without changing its nodes make such models. A Pad needs a begin and
    an end for each axis.
    """

    id = "GF228"
    title = "parameters in the form of another opset"
    severity = Severity.ERROR
    citation = "hicann/ops-math: pad, slice; hicann/ops-nn: topk _onnx_plugin.cpp"
    covers = ("Pad/2", "Slice/2", "TopK/2")
    op_types = tuple(_FORMS)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """What the opset wants is not there, or odd."""
        since, names = _FORMS[node.op_type]
        old = view.opset < since
        if old:
            absent = [name for name in names if name not in node.attributes]
        else:
            absent = [n for i, n in enumerate(names, start=1) if view.input(node, i) is None]
        if absent:
            yield self.finding(
                f"has no {' and no '.join(absent)} as {'attribute' if old else 'input'}, where "
                f"ATC looks at opset {view.opset}",
                view.label(node),
                advice="export again, or give the model the opset its nodes are written in",
            )
        pads = (ints(node, "pads") if node.op_type == "Pad" and old else None) or ()
        if len(pads) % 2:
            yield self.finding(
                f"has {len(pads)} pads, and ATC wants a begin and an end for each axis",
                view.label(node),
                advice="write all begins, then all ends",
            )

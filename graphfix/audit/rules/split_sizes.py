"""GF323: Split whose sizes ATC cannot tell."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.reading import constant_ints, ints
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity


class SplitSizes(NodeRule):
    """A Split gives a count of outputs in place of sizes, or sizes that do not fit its outputs.

    ``num_outputs`` is from opset 18. ATC's plugin divides the size of the axis by it while it reads
    the file, when shapes of values inside the model are not known yet, and it must divide evenly.
    Below opset 18 the parts are equal without it: ``opset`` converts. Or give the sizes as a
    constant input.
    """

    id = "GF323"
    title = "sizes of Split"
    severity = Severity.ERROR
    citation = "hicann/ops-math: split_onnx_plugin.cpp, SingleSizeParse"
    covers = ("Split/1",)
    op_types = ("Split",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """Counts; and lists of another length than the outputs."""
        given = view.input(node, 1)
        if "num_outputs" in node.attributes and given is None:
            yield self.finding(
                "has num_outputs in place of sizes, which ATC divides before it knows the shape",
                view.label(node),
                remedy="opset{to=17}",
            )
            return
        sizes = constant_ints(given, view) or ints(node, "split")
        if sizes is not None and len(sizes) != len(node.outputs):
            yield self.finding(
                f"has {len(sizes)} sizes for {len(node.outputs)} outputs",
                view.label(node),
                advice="give one size for each output",
            )

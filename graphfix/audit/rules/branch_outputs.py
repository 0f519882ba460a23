"""GF136: outputs of a branch that the branch does not make."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.rewrite.subgraphs import subgraphs_of_node


class BranchOutputs(NodeRule):
    """A branch of an If gives out a value from around it.

    The parser looks for the node inside the branch that makes each output and stops where there is
    none ("Cannot find output"). An Identity inside the branch is enough.
    """

    id = "GF136"
    title = "branch outputs from outside"
    severity = Severity.ERROR
    citation = "hicann/ge: parser/parser/onnx/onnx_parser.cc, GetGraphOutputs"
    covers = ("S8",)
    op_types = ("If",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """The outputs of both branches."""
        for graph in subgraphs_of_node(node):
            for value in graph.outputs:
                producer = value.producer()
                if producer is None and value.name not in graph.initializers:
                    outside = True
                else:
                    outside = producer is not None and producer.graph is not graph
                if outside:
                    yield self.finding(
                        f"a branch gives out {value.name}, which it does not make",
                        view.label(node),
                        remedy="if-fold" if view.constant(node.inputs[0]) is not None else None,
                        advice="pass it through an Identity inside the branch",
                    )

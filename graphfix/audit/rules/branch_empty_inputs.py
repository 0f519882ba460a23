"""GF151: skipped inputs inside a branch."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.rewrite.subgraphs import inner_nodes
from graphfix.target import Evidence


class BranchEmptyInputs(NodeRule):
    """A node inside a branch of an If leaves an optional input out.

    What a branch reads and does not make becomes an input of the If; the empty name of a skipped
    input, too, and the parser then finds no node of that name (E19999). Give the input a value, or
    fold the If.
    """

    id = "GF151"
    title = "skipped inputs in a branch"
    severity = Severity.ERROR
    evidence = Evidence.INFERENCE
    citation = "hicann/ge: parser/parser/onnx/subgraph_adapter/if_subgraph_adapter.cc"
    covers = ("C3",)
    op_types = ("If",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """Nodes inside that leave an input out before the last one."""
        inner = [n for n in inner_nodes(node) if any(value is None for value in n.inputs)]
        if inner:
            fixed = view.constant(view.input(node, 0)) is not None
            yield self.finding(
                f"{len(inner)} nodes inside skip an input",
                *view.labels(inner),
                remedy="if-fold" if fixed else None,
                advice="" if fixed else "give the optional inputs their default values",
            )

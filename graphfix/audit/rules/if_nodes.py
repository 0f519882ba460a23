"""GF150: control flow that stays in the model."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.reading import foldable
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.target import Evidence


class IfNodes(NodeRule):
    """An If stays in the model.

    The operator converts, but its branches cannot be part of one static graph on the AI Core. Where
    the condition is a constant, or depends on shapes alone, one branch can take the node's place.
    """

    id = "GF150"
    title = "If"
    severity = Severity.DYNAMIC
    evidence = Evidence.INFERENCE
    citation = "hicann/ge: parser/parser/onnx/subgraph_adapter"
    covers = ("C8",)
    op_types = ("If",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """Every one."""
        condition = view.input(node, 0)
        if view.constant(condition) is not None:
            fact, fixed = "has a constant condition", True
        elif condition is not None and foldable(condition):
            fact, fixed = "has a condition that depends on shapes alone", True
        else:
            fact, fixed = "chooses between branches when the model runs", False
        yield self.finding(
            fact,
            view.label(node),
            remedy="if-fold" if fixed else None,
            advice="" if fixed else "export with a fixed choice: torch.jit.trace, or a constant",
        )

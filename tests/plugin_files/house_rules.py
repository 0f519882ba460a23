"""Rules and passes of a house of its own: one pass holds, the others do not, each in its way."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit import NodeRule, View
from graphfix.contract import Approximate
from graphfix.finding import Finding, Severity
from graphfix.rewrite import RewritePass, Rewriter, Skip

REMEDIES = {
    "Sqrt": "sqrt-to-pow",
    "Neg": "drop-neg",
    "Floor": "drop-floor",
    "Abs": "keep-abs",
    "Ceil": "no-such-pass",
}


class HouseRule(NodeRule):
    """Operators that the house does not like."""

    id = "ACME101"
    title = "house rule"
    severity = Severity.ERROR
    citation = "the house"
    op_types = tuple(REMEDIES)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """Each of them."""
        yield self.finding(
            f"{node.op_type} is not liked", view.label(node), remedy=REMEDIES[node.op_type]
        )


class SqrtToPow(RewritePass):
    """Square roots as powers."""

    name = "sqrt-to-pow"
    match_ops = ("Sqrt",)
    after = ("drop-neg",)

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip:
        """Pow(x, 0.5)."""
        return rw.op("Pow", node.inputs[0], rw.const(0.5, node.inputs[0].dtype))


class DropNeg(RewritePass):
    """Wrong on purpose: loses the sign."""

    name = "drop-neg"
    match_ops = ("Neg",)

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip:
        """The input as it is."""
        return rw.op("Identity", node.inputs[0])


class DropFloor(RewritePass):
    """Something else, on purpose."""

    name = "drop-floor"
    match_ops = ("Floor",)
    contract = Approximate(cosine=0.5)

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip:
        """The input as it is."""
        return rw.op("Identity", node.inputs[0])


class KeepAbs(RewritePass):
    """Never does anything."""

    name = "keep-abs"
    match_ops = ("Abs",)

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip:
        """Skips."""
        return Skip("it is fine as it is")

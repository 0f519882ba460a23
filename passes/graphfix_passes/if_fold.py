"""The ``if-fold`` pass: a branch in the place of an If whose condition is always the same."""

from collections.abc import Sequence
from dataclasses import dataclass

import onnx_ir as ir

from graphfix.contract import Exact
from graphfix.rewrite import PassContext, PassResult, RewritePass, Rewriter, Skip
from graphfix_passes._known import fixed


@dataclass(frozen=True, kw_only=True)
class IfFold(RewritePass):
    """Replace an If whose condition is always the same by the nodes of its branch.

    Why
        ATC puts the branches of an If into graphs of their own, which do not run as one static
        graph on the AI Core; what a branch captures, and optional inputs that it skips, may stop
        the parser. Exporters write an If for squeeze, for a flag that is an argument of the model,
        and for a choice by the shape of a tensor.

    Rewrites
        The condition is a constant, or follows from the sizes of tensors, for all sizes that the
        inputs may have. An If inside the branch, or behind it, may then be folded, too. What only
        the condition needed is gone.

    Leaves alone
        A condition that the data or an open size decide.
    """

    name = "if-fold"
    match_ops = ("If",)
    contract = Exact()
    must_match = False
    reads_shapes = True

    def run(self, model: ir.Model, context: PassContext) -> PassResult:
        """Run until nothing changes: a branch may hold an If, or tell sizes that decide one."""
        return self.run_again(model, context, lambda last: bool(last.rewrites))

    def rewrite(self, node: ir.Node, rw: Rewriter) -> Sequence[ir.Value] | Skip:
        """Move one branch out."""
        chosen = fixed(node.inputs[0], rw)
        if chosen is None:
            return rw.skip("its condition depends on the data, or on a size that is not fixed")
        branch = "then_branch" if chosen else "else_branch"
        rw.note(f"takes its {branch}")
        return rw.adopt(node.attributes[branch].as_graph())

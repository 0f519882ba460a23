"""The ``transpose-merge`` pass: Transposes in a row."""

from collections.abc import Sequence
from dataclasses import dataclass

import onnx_ir as ir

from graphfix.contract import Exact
from graphfix.rewrite import RewritePass, Rewriter
from graphfix_passes._permutations import composed, is_identity


@dataclass(frozen=True, kw_only=True)
class TransposeMerge(RewritePass):
    """Merge Transposes in a row into one, or none.

    Why
        Every Transpose moves all of its data through memory. Exporters write them in rows, one for
        the end of one layer and one for the start of the next.

    Rewrites
        A Transpose of a Transpose into one of the first's input, with both orders as one; when
        they cancel, its readers read that input. The first one stays for its other readers.

    Leaves alone
        Transposes with another operator between them.
    """

    name = "transpose-merge"
    match_ops = ("Transpose",)
    contract = Exact()
    must_match = False

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Sequence[ir.Value] | None:
        """Let the node do the work of the one before, too."""
        first = rw.producer(node.inputs[0], "Transpose")
        if first is None or first.inputs[0] is None:
            return None
        order = composed(first, node, rw)
        if is_identity(order):
            return first.inputs[0]
        return rw.restate(node, first.inputs, perm=order)

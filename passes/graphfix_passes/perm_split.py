"""The ``perm-split`` pass: the keys of an attention transposed like its queries."""

from collections.abc import Iterator
from dataclasses import dataclass

import onnx_ir as ir

from graphfix.contract import Exact
from graphfix.rewrite import RewritePass, Rewriter, Skip
from graphfix_passes._permutations import order_of

_SCALINGS = ("Cast", "Div", "Identity", "Mul")
"""What may stand between a Transpose and the product."""
_MOST_SCALINGS = 3
_STANDARD = ("", "ai.onnx")


@dataclass(frozen=True, kw_only=True)
class PermSplit(RewritePass):
    """Split the Transpose of attention's keys into the one of the queries and a swap of two axes.

    Why
        ATC fuses attention when queries, keys and values go the same way to their heads. Exporters
        merge that Transpose of the keys, [0, 2, 1, 3], with the one that the product needs,
        [0, 1, 3, 2], to [0, 2, 3, 1]. Run it after ``transpose-merge``, which does the same.

    Rewrites
        A Transpose in front of a MatMul whose other factor comes from a Transpose, too, when their
        orders differ in the last two axes: a Transpose in the order of the other one, and one that
        swaps the last two axes. A factor may be scaled on the way.

    Leaves alone
        Transposes whose orders differ in other axes. A factor that is not transposed.
    """

    name = "perm-split"
    match_ops = ("Transpose",)
    contract = Exact()

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip | None:
        """Take the swap of the last two axes out of the order."""
        order = order_of(node, rw) or ()
        rank = len(order)
        if rank < 3 or order[-1] == rank - 1:
            return None  # features stay last, as those of queries do
        wanted = (*order[:-2], order[-1], order[-2])
        first = rw.producer(node.inputs[0], "Transpose")
        below = None if first is None else order_of(first, rw)
        found = [order_of(other, rw) for other in _other_factors(node.outputs[0], rw)]
        if below is not None and below in found:
            return rw.satisfied("both factors are transposed alike")
        if wanted in found and wanted[-1] == rank - 1:
            turned = rw.op("Transpose", node.inputs[0], perm=wanted)
            swap = (*range(rank - 2), rank - 1, rank - 2)
            return rw.restate(node, [turned], perm=swap)[0]
        return rw.skip("the other factor is transposed in another way") if found else None


def _other_factors(value: ir.Value, rw: Rewriter) -> Iterator[ir.Node]:
    """The Transposes that make the other factors of the products that read ``value``."""
    values = [value]
    for _ in range(_MOST_SCALINGS + 1):
        uses = [use for each in values for use in each.uses() if use.node.domain in _STANDARD]
        for use in uses:
            if use.node.op_type == "MatMul":
                other = _unscaled(use.node.inputs[1 - use.idx], rw)
                if other is not None:
                    yield other
        values = [use.node.outputs[0] for use in uses if use.node.op_type in _SCALINGS]


def _unscaled(value: ir.Value | None, rw: Rewriter) -> ir.Node | None:
    """The Transpose above ``value``."""
    for _ in range(_MOST_SCALINGS):
        scaling = rw.producer(value, *_SCALINGS)
        if scaling is None:
            break
        value = next((each for each in scaling.inputs if rw.producer(each)), None)
    return rw.producer(value, "Transpose")

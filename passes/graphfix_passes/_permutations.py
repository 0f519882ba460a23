"""Orders of axes, as Transpose has them."""

import onnx_ir as ir

from graphfix.rewrite import Rewriter
from graphfix_passes._known import rank


def order_of(node: ir.Node, rw: Rewriter) -> tuple[int, ...] | None:
    """The order of a Transpose; ``None`` when it is the reverse of an unknown number of axes."""
    order, known = rw.attr_ints(node, "perm"), rank(node.inputs[0])
    return tuple(reversed(range(known))) if order is None and known is not None else order


def composed(first: ir.Node, second: ir.Node, rw: Rewriter) -> tuple[int, ...]:
    """The order of two Transposes in a row; empty when it keeps an unknown number of axes.

    Output axis k of the second is axis ``second[k]`` of the first's output.
    """
    before, after = order_of(first, rw), order_of(second, rw)
    if before is None and after is None:
        return ()
    # One that says its order tells the rank for the other one.
    count = len(before or after or ())
    backwards = tuple(reversed(range(count)))
    before, after = before or backwards, after or backwards
    return tuple(before[axis] for axis in after)


def is_identity(order: tuple[int, ...]) -> bool:
    """Whether every axis stays in its place."""
    return order == tuple(range(len(order)))

"""The ``concat-merge`` pass: Concats of Concats."""

from collections.abc import Sequence, Set
from dataclasses import dataclass

import onnx_ir as ir

from graphfix.contract import Exact
from graphfix.rewrite import RewritePass, Rewriter, Skip
from graphfix_passes._known import rank


@dataclass(frozen=True, kw_only=True)
class ConcatMerge(RewritePass):
    """Merge Concats that only another Concat along the same axis reads into that one.

    Why
        Every Concat copies all of its data; the inner ones copy it once more for nothing.

    Rewrites
        The inputs of the inner Concat take its place among the inputs of the outer one, in order.

    Leaves alone
        An inner Concat that has other readers or is a graph output, because then the data would be
        copied as often as before. Axes of unlike sign where the rank is not known.
    """

    name = "concat-merge"
    match_ops = ("Concat",)
    contract = Exact()
    must_match = False
    reads_shapes = True

    def rewrite(self, node: ir.Node, rw: Rewriter) -> Sequence[ir.Value] | Skip | None:
        """Put the inputs of inner Concats in their places."""
        inputs, merged = list(node.inputs), {node}
        count = 0
        while count < len(merged):  # one that goes may have been the last other reader of another
            count, flat = len(merged), list[ir.Value | None]()
            for value in inputs:
                inner = rw.producer(value, "Concat")
                if inner is None or value is None or not _only_read_by(value, merged):
                    flat.append(value)
                    continue
                same = _same_axis(inner, node, rw)
                if same is None:
                    return rw.skip("the rank is not known, and one axis is counted from the end")
                flat += inner.inputs if same else [value]
                merged |= {inner} if same else set()
            inputs = flat
        return rw.restate(node, inputs) if count > 1 else None


def _only_read_by(value: ir.Value, nodes: Set[ir.Node]) -> bool:
    return not value.is_graph_output() and all(use.node in nodes for use in value.uses())


def _same_axis(inner: ir.Node, outer: ir.Node, rw: Rewriter) -> bool | None:
    """Whether both have one axis; ``None`` when that depends on the unknown rank."""
    one, other = rw.attr_int(inner, "axis", 1), rw.attr_int(outer, "axis", 1)
    known = rank(inner.outputs[0])
    if one == other or (one < 0) == (other < 0):
        return one == other
    return None if known is None else one % known == other % known

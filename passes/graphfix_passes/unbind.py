"""The ``unbind`` pass: Splits into single elements."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import onnx_ir as ir

from graphfix.contract import Exact
from graphfix.rewrite import RewritePass, Rewriter, Skip
from graphfix_passes._known import dims
from graphfix_passes._split_in_front import find_in_front


@dataclass(frozen=True, kw_only=True)
class Unbind(RewritePass):
    """Split in front of the Reshape that made an axis which is taken apart into single elements.

    Why
        ATC documents Split for parts of more than one element. torch's ``unbind``, by which many
        attentions get queries, keys and values, is exported as a Split into parts of one and a
        Squeeze for each.

    Rewrites
        A Split into single elements of an axis that a Reshape has made of a larger one, with a
        Transpose behind it or without, and the Squeezes behind: a Split of the larger axis, and a
        Reshape and Transpose of each part, with one dim less. ``slices-to-split{ones}`` makes such
        a Split of Slices, and ``gather-to-split`` does the same for Gathers.

    Leaves alone
        A part that is read with its dim of 1. An axis that comes from something else. A Reshape or
        Transpose that something else reads, too.
    """

    name = "unbind"
    match_ops = ("Split",)
    contract = Exact()
    must_match = False
    reads_shapes = True

    def rewrite(self, node: ir.Node, rw: Rewriter) -> Mapping[ir.Value, ir.Value] | Skip | None:
        """Let the parts in front take the place of the squeezed ones."""
        data, known = node.inputs[0], dims(node.inputs[0])
        if data is None or not known:
            return None
        axis = rw.attr_int(node, "axis", 0) % len(known)
        shapes = [dims(part) for part in node.outputs]
        if len(shapes) < 2 or any(shape is None or shape[axis] != 1 for shape in shapes):
            return None
        squeezed = [_squeezed(part, axis, node, rw) for part in node.outputs]
        if None in squeezed:
            return rw.skip("a part is read with its dim of 1")
        in_front = find_in_front(data, axis, {node}, rw)
        if in_front is None:
            return rw.skip("its axis does not come from a Reshape of a larger one, for it alone")
        pairs = zip(squeezed, in_front.parts(rw), strict=True)
        return {value: part for values, part in pairs for value in values or ()} or None


def _squeezed(part: ir.Value, axis: int, node: ir.Node, rw: Rewriter) -> Sequence[ir.Value] | None:
    """A part without its dim of 1; ``None`` when something reads it as it is."""
    readers = [use.node for use in part.uses()]
    for reader in readers:
        axes = rw.param_ints(reader, "axes", 1) if reader.op_type == "Squeeze" else None
        count = rw.rank(part) or 1
        if axes is None or [each % count for each in axes] != [axis]:
            return None
        if reader.domain not in ("", "ai.onnx") or reader.graph is not node.graph:
            return None
    return None if part.is_graph_output() else [reader.outputs[0] for reader in readers]

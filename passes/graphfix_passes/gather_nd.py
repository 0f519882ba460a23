"""The ``gather-nd`` pass: batches of GatherND."""

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from graphfix.contract import Exact
from graphfix.rewrite import RewritePass, Rewriter, Skip


@dataclass(frozen=True, kw_only=True)
class GatherNd(RewritePass):
    """Put the number of the batch into the indices of GatherND, in place of ``batch_dims``.

    Why
        ATC stops at a GatherND whose ``batch_dims`` is not 0.

    Rewrites
        Each index gets the numbers of its place along the batch dims in front, from a constant.
        Constant indices become another constant.

    Leaves alone
        Indices with sizes that are not known, but for their last, or of more than ``largest``
        elements.
    """

    name = "gather-nd"
    match_ops = ("GatherND",)
    contract = Exact()
    must_match = False
    reads_shapes = True

    largest: int = 1048576
    """The most elements of a constant with numbers of batches."""

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip | None:
        """Join the numbers of the places and the indices."""
        batch, indices = rw.attr_int(node, "batch_dims", 0), node.inputs[1]
        if batch == 0 or indices is None:
            return None
        sizes = rw.facts.dims(indices) or ()
        places = [size for size in sizes[:-1] if isinstance(size, int)]
        if not sizes or len(places) < len(sizes) - 1:
            return rw.skip("the sizes of its indices are not known")
        if batch * int(np.prod(places)) > self.largest:
            return rw.skip(f"it has more than {self.largest} numbers; see gather-nd{{largest}}")
        numbers = np.moveaxis(np.indices(places, np.int64)[:batch], 0, -1)
        constant = rw.constant(indices)
        if constant is not None:
            joined = rw.const(np.concatenate([numbers, constant], axis=-1))
        else:
            joined = rw.op("Concat", rw.const(numbers), indices, axis=len(places))
        (found,) = rw.restate(node, [node.inputs[0], joined], drop=("batch_dims",))
        return found

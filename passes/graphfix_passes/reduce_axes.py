"""The ``reduce-axes`` pass: the axes of a reduction over all of them, written out."""

from collections.abc import Sequence
from dataclasses import dataclass

import onnx_ir as ir

from graphfix.contract import Exact
from graphfix.rewrite import RewritePass, Rewriter, Skip
from graphfix.rewrite.opsets import schemas
from graphfix_passes._known import rank


@dataclass(frozen=True, kw_only=True)
class ReduceAxes(RewritePass):
    """Write out the axes of reductions over all axes.

    Why
        ATC does not reduce a ReduceMax without axes over all dimensions, and only for some element
        types does it let them be absent at all.

    Rewrites
        A reduction without axes, or with none in the list, gets them all: as an attribute, or as
        an input where the opset has one (ReduceSum since 13, the others since 18).

    Leaves alone
        A reduction of unknown rank, of a scalar, with computed axes, or one that reduces nothing
        because of ``noop_with_empty_axes``.
    """

    name = "reduce-axes"
    match_ops = (
        "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean",
        "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare",
    )  # fmt: skip
    contract = Exact()
    must_match = False
    reads_shapes = True

    def rewrite(self, node: ir.Node, rw: Rewriter) -> Sequence[ir.Value] | Skip | None:
        """Restate the reduction with its axes."""
        data = node.inputs[0]
        if rw.param_ints(node, "axes", 1):
            return None
        if rw.has_input(node, 1) and rw.constant(node.inputs[1]) is None:
            return rw.skip("its axes are computed")
        if rw.attr_int(node, "noop_with_empty_axes", 0):
            return rw.skip("noop_with_empty_axes makes it reduce nothing")
        count = rank(data)
        if count is None:
            return rw.skip("the rank of its input is not known")
        if count == 0:
            return None
        schema = schemas.schema_at(node.op_type, rw.opset)
        if schema is not None and "axes" in schema.attributes:
            return rw.restate(node, axes=range(count))
        return rw.restate(node, [data, rw.const(range(count))])

"""The ``softmax-axis`` pass: one axis, whoever reads it."""

from collections.abc import Mapping
from dataclasses import dataclass

import onnx_ir as ir

from graphfix.contract import Exact
from graphfix.rewrite import RewritePass, Rewriter, Skip
from graphfix_passes._known import Dim, dims
from graphfix_passes._permutations import composed, is_identity, order_of

_ONE_AXIS_SINCE = 13
"""The opset in which ``axis`` became one axis; before, all axes from there on are one."""


@dataclass(frozen=True, kw_only=True)
class SoftmaxAxis(RewritePass):
    """Write Softmax, LogSoftmax and Hardmax so that every reader takes the same axis.

    Why
        Before opset 13 ONNX takes all axes from ``axis`` on for one, and 1 for the default; ATC
        takes one axis alone for LogSoftmax and Hardmax, by default the last, and for some
        Softmaxes. Nothing tells the difference. Since opset 13 a Softmax along another axis needs
        no Transposes.

    Rewrites
        1. Before opset 13, over several axes that are larger than 1: Flatten, the node over the
           last of two axes, and Reshape.
        2. Before opset 13, over one axis that is larger than 1, but is not ``axis``: that axis.
        3. Since opset 13, between two Transposes that cancel each other: without them, along the
           axis where it was before.

    Leaves alone
        A node before opset 13 whose rank is not known and whose axis is counted from the end.
        Before opset 13, a node between Transposes: without them it would take the axes behind its
        own as well. Transposes with other readers.
    """

    name = "softmax-axis"
    match_ops = ("Hardmax", "LogSoftmax", "Softmax")
    contract = Exact()
    must_match = False
    reads_shapes = True

    def rewrite(
        self, node: ir.Node, rw: Rewriter
    ) -> ir.Value | Mapping[ir.Value, ir.Value] | Skip | None:
        """Restate the node over one axis."""
        known = dims(node.inputs[0])
        if rw.opset >= _ONE_AXIS_SINCE:
            return _without_transposes(node, known, rw)
        axis = rw.attr_int(node, "axis", 1)
        if known is None and rw.producer(node.inputs[0], "Flatten"):
            known = (None, None)
        if known is None:
            if axis < 0:
                return None if axis == -1 else rw.skip("its rank is not known")
            return _flattened(node, axis, known, rw)
        if 0 in known or not -len(known) <= axis < len(known):
            return None
        axis %= len(known)
        wide = [k for k in range(axis, len(known)) if known[k] != 1]
        if len(wide) > 1:
            return _flattened(node, axis, known, rw)
        one = wide[0] if wide else len(known) - 1
        if one == axis and "axis" in node.attributes:
            return None
        (result,) = rw.restate(node, axis=one)
        return result


def _flattened(node: ir.Node, axis: int, known: tuple[Dim, ...] | None, rw: Rewriter) -> ir.Value:
    """Make the axes from ``axis`` on one, which is then the last of two."""
    data = node.inputs[0]
    (flat,) = rw.restate(node, [rw.op("Flatten", data, axis=axis)], axis=1)
    sizes = [size if isinstance(size, int) else -1 for size in known or (None, None)]
    # A constant shape keeps the graph static; it can leave only one size open.
    shape = rw.const(sizes) if sizes.count(-1) <= 1 else rw.op("Shape", data)
    return rw.op("Reshape", flat, shape)


def _without_transposes(
    node: ir.Node, known: tuple[Dim, ...] | None, rw: Rewriter
) -> Mapping[ir.Value, ir.Value] | Skip | None:
    before = rw.producer(node.inputs[0], "Transpose")
    after = rw.only_reader(node.outputs[0], "Transpose")
    if before is None or after is None or not is_identity(composed(before, after, rw)):
        return None
    order = order_of(before, rw)
    if order is None or before.inputs[0] is None:
        return rw.skip("the rank is not known")
    if rw.only_reader(before.outputs[0]) is not node:
        return rw.skip("the Transpose in front has other readers")
    axis = rw.attr_int(node, "axis", -1)
    (result,) = rw.restate(node, before.inputs, axis=order[axis])
    return {after.outputs[0]: result}

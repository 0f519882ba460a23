"""The ``groupnorm`` pass: GroupNormalization and its parts."""

from dataclasses import dataclass

import onnx_ir as ir

from graphfix.rewrite import RewritePass, Rewriter, Skip
from graphfix_passes._opset.normalization import group_normalization
from graphfix_passes._restoring import Mode, per_channel, refusal

_SINCE = 21
"""Before, GroupNormalization had a scale for each group, and exporters' parts have one for each
channel."""


@dataclass(frozen=True, kw_only=True)
class Groupnorm(RewritePass):
    """Replace GroupNormalization by InstanceNormalization over groups, or that by the operator.

    Why
        ATC knows GroupNormalization in no opset.

    Rewrites
        1. decompose: Reshape to ``[N, groups, -1]``, InstanceNormalization, Reshape back, and Mul
           and Add for each channel; in float32 where ``stash_type`` asks for that. Before opset 21
           scale and bias are those of the groups, and InstanceNormalization takes them. The shape
           behind it is a constant unless two sizes besides the batch are open.
        2. restore: the same with constant scale and bias of shape ``[channels, 1, 1]``, which is
           how exporters write it.

    Leaves alone
        An input of an unknown type or rank. A ``stash_type`` that is neither float32 nor the type
        of the input. Parts in a model whose opset has no GroupNormalization of channels, or whose
        number of channels is not known.

    Numerics
        The sums have another order.
    """

    name = "groupnorm"
    example = "groupnorm{mode=restore}"
    match_ops = ("Add", "GroupNormalization")
    must_match = False
    reads_shapes = True

    mode: Mode = Mode.DECOMPOSE
    """decompose: GroupNormalization into its parts; restore: it from its parts."""

    def matches(self, node: ir.Node) -> bool:
        """GroupNormalization, or what its parts end in."""
        return super().matches(node) and (
            (node.op_type == "GroupNormalization") is (self.mode is Mode.DECOMPOSE)
        )

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip | None:
        """Take the node apart, or put what it is the end of together."""
        if self.mode is Mode.DECOMPOSE:
            return group_normalization(node, rw, per_channel=rw.opset >= _SINCE)
        for scaled, bias in (node.inputs, reversed(node.inputs)):
            product = rw.producer(scaled, "Mul")
            for normal, scale in (product.inputs, reversed(product.inputs)) if product else ():
                found = _over_groups(normal, rw)
                if found is None:
                    continue
                data, groups, epsilon = found
                numbers = [per_channel(each, data, rw) for each in (scale, bias)]
                if numbers[0] is None or numbers[1] is None:
                    continue
                skip = refusal("GroupNormalization of channels", _SINCE, data, rw)
                return skip or rw.op(
                    "GroupNormalization", data, *numbers, num_groups=groups, epsilon=epsilon
                )
        return None


def _over_groups(value: ir.Value | None, rw: Rewriter) -> tuple[ir.Value, int, float] | None:
    """What is normalised by groups without scale and bias, how many there are, and epsilon."""
    back = rw.producer(value, "Reshape")
    normal = rw.producer(back.inputs[0], "InstanceNormalization") if back is not None else None
    rows = rw.producer(normal.inputs[0], "Reshape") if normal is not None else None
    if value is None or normal is None or rows is None:
        return None
    data = rows.inputs[0]
    scale, bias = (rw.constant(each) for each in normal.inputs[1:])
    if data is None or scale is None or bias is None or (scale != 1).any() or bias.any():
        return None
    dims, grouped = rw.facts.dims(data), rw.facts.dims(normal.inputs[0])
    if dims is None or grouped is None or len(grouped) != 3 or rw.facts.dims(value) != dims:
        return None
    channels, groups = dims[1], grouped[1]
    if not isinstance(channels, int) or not isinstance(groups, int) or channels % groups:
        return None
    return (data, groups, rw.attr_float(normal, "epsilon", 1e-5)) if grouped[0] == dims[0] else None

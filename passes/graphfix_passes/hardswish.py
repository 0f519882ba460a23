"""The ``hardswish`` pass: HardSwish and its parts."""

from dataclasses import dataclass

import onnx_ir as ir

from graphfix.rewrite import RewritePass, Rewriter, Skip
from graphfix_passes._opset.activation import hard_swish
from graphfix_passes._restoring import Mode, factors, near, number, products, refusal, with_number

_SINCE = 14


@dataclass(frozen=True, kw_only=True)
class Hardswish(RewritePass):
    """Replace HardSwish by x * HardSigmoid(x), or such parts by HardSwish.

    Why
        ATC knows HardSwish from opset 14 to 18 only; HardSigmoid and Mul it knows in all.

    Rewrites
        1. decompose: HardSwish becomes ``x * HardSigmoid(x)`` with alpha 1/6 and beta 0.5.
        2. restore: that, ``x * Clip(x + 3, 0, 6) / 6`` and the same with other orders of factors
           become HardSwish.

    Leaves alone
        Parts in a model whose opset has no HardSwish.

    Numerics
        The parts round more often.
    """

    name = "hardswish"
    example = "hardswish{mode=restore}"
    match_ops = ("Div", "HardSwish", "Mul")
    must_match = False
    reads_shapes = True

    mode: Mode = Mode.DECOMPOSE
    """decompose: HardSwish into its parts; restore: HardSwish from its parts."""

    def matches(self, node: ir.Node) -> bool:
        """HardSwish, or what a product may end in."""
        return super().matches(node) and (
            (node.op_type == "HardSwish") is (self.mode is Mode.DECOMPOSE)
        )

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip | None:
        """Take the node apart, or put what it is the end of together."""
        if self.mode is Mode.DECOMPOSE:
            return hard_swish(node, rw)
        result = node.outputs[0]
        for gate in products(result, rw):
            found = _gate(gate, rw)
            product = factors(result, found[0], rw) if found is not None else None
            if found is None or product is None or product[0] != {found[0], gate}:
                continue
            if near(product[1], 1 / found[1], gate):
                return refusal("HardSwish", _SINCE, found[0], rw) or rw.op("HardSwish", found[0])
        return None


def _gate(value: ir.Value, rw: Rewriter) -> tuple[ir.Value, float] | None:
    """What a gate between 0 and some number is of, and that number."""
    node = rw.producer(value, "HardSigmoid", "Clip")
    if node is None or node.inputs[0] is None:
        return None
    if node.op_type == "HardSigmoid":
        slope, offset = rw.attr_float(node, "alpha", 0.2), rw.attr_float(node, "beta", 0.5)
        return (node.inputs[0], 1.0) if near(slope, 1 / 6, value) and offset == 0.5 else None
    shifted = with_number(node.inputs[0], "Add", rw)
    if shifted is None or shifted[1] != 3:
        return None
    low, high = (number(rw.input(node, port), value, rw) for port in (1, 2))
    return (shifted[0], 6.0) if low == 0 and high == 6 else None

"""The pass ``pow-to-mul``."""

from dataclasses import dataclass

import onnx_ir as ir

from graphfix.contract import Close
from graphfix.rewrite import RewritePass, Rewriter, Skip


@dataclass(frozen=True)
class PowToMul(RewritePass):
    """Replace ``Pow(x, n)`` with a small whole ``n`` by repeated ``Mul``.

    Why
        A library's pow goes through logarithms or a general loop; products are one instruction
        each. That it is faster on a given target is an assumption to measure there.

    Rewrites
        1. ``Pow(x, 2)`` becomes ``Mul(x, x)``; a higher power one Mul more each.

    Leaves alone
        - The exponent is not one constant number.
        - The exponent is not a whole number within max-power.
        - The numbers are not floating point: integers overflow differently.
        - The exponent may have more dims than the base.

    Numerics
        Every product rounds, where pow rounds once.

    Options
        max-power: the largest exponent that is unrolled.
    """

    name = "pow-to-mul"
    match_ops = ("Pow",)
    contract = Close()

    max_power: int = 4
    """Largest exponent that is unrolled."""

    def __post_init__(self) -> None:
        if self.max_power < 2:
            raise ValueError(f"max-power={self.max_power} leaves nothing to do")

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip:
        """Unroll one Pow."""
        base, exponent = node.inputs
        power = rw.constant(exponent)
        if base is None or power is None or power.size != 1:
            return rw.skip("the exponent is not one constant number")
        times = power.item()
        if times not in range(2, self.max_power + 1):
            return rw.skip(f"the exponent {times:g} is not a whole number within max-power")
        if base.dtype is None or not base.dtype.is_floating_point():
            return rw.skip("the numbers are not floating point: integers overflow differently")
        if power.ndim > (0 if base.shape is None else len(base.shape)):
            return rw.skip("the exponent may have more dims than the base")
        product = base
        for _ in range(int(times) - 1):
            product = rw.op("Mul", product, base)
        return product

"""The ``gelu`` pass: Gelu and its parts."""

import math
from dataclasses import dataclass

import onnx_ir as ir

from graphfix.rewrite import RewritePass, Rewriter, Skip
from graphfix_passes._opset.activation import gelu
from graphfix_passes._restoring import Mode, factors, near, products, refusal, with_number

_SINCE = 20
_CUBIC = 0.044715
"""From "Gaussian Error Linear Units" (Hendrycks and Gimpel, 2016), as ONNX has it."""


@dataclass(frozen=True, kw_only=True)
class Gelu(RewritePass):
    """Replace Gelu by its parts with Erf or Tanh, or such parts by Gelu.

    Why
        ATC knows Gelu in no opset; the parts it knows, and fuses them again.

    Rewrites
        1. decompose: Gelu becomes ``x * (1 + Erf(x / sqrt(2))) * 0.5``, or, with approximate=tanh,
           ``x * (1 + Tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))) * 0.5``.
        2. restore: these, with their factors in whatever order, become Gelu.

    Leaves alone
        A Gelu of an unknown type, which its constants must have. Parts in a model whose opset has
        no Gelu.

    Numerics
        The parts round more often, and differently in another order.
    """

    name = "gelu"
    example = "gelu{mode=restore}"
    match_ops = ("Div", "Gelu", "Mul")
    must_match = False
    reads_shapes = True

    mode: Mode = Mode.DECOMPOSE
    """decompose: Gelu into its parts; restore: Gelu from its parts."""

    def matches(self, node: ir.Node) -> bool:
        """Gelu, or what a product may end in."""
        return super().matches(node) and ((node.op_type == "Gelu") is (self.mode is Mode.DECOMPOSE))

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip | None:
        """Take the node apart, or put what it is the end of together."""
        if self.mode is Mode.DECOMPOSE:
            return gelu(node, rw)
        result = node.outputs[0]
        for gate in products(result, rw):
            shifted = with_number(gate, "Add", rw)
            if shifted is None or shifted[1] != 1:
                continue
            for find, approximate in ((_under_erf, "none"), (_under_tanh, "tanh")):
                data = find(shifted[0], rw)
                if data is None or factors(result, data, rw) != (frozenset((data, gate)), 0.5):
                    continue
                skip = refusal("Gelu", _SINCE, data, rw)
                return skip or rw.op("Gelu", data, approximate=approximate)
        return None


def _under_erf(value: ir.Value, rw: Rewriter) -> ir.Value | None:
    """The x of ``Erf(x / sqrt(2))``."""
    node = rw.producer(value, "Erf")
    for op_type, wanted in (("Div", math.sqrt(2)), ("Mul", math.sqrt(0.5))):
        found = with_number(node.inputs[0], op_type, rw) if node is not None else None
        if found is not None and near(found[1], wanted, value):
            return found[0]
    return None


def _under_tanh(value: ir.Value, rw: Rewriter) -> ir.Value | None:
    """The x of ``Tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))``."""
    node = rw.producer(value, "Tanh")
    scaled = with_number(node.inputs[0], "Mul", rw) if node is not None else None
    if scaled is None or not near(scaled[1], math.sqrt(2 / math.pi), value):
        return None
    total = rw.producer(scaled[0], "Add")
    for data, cubic in (total.inputs, reversed(total.inputs)) if total is not None else ():
        found = with_number(cubic, "Mul", rw)
        if found is None or data is None or not near(found[1], _CUBIC, value):
            continue
        if _is_cube(found[0], data, rw):
            return data
    return None


def _is_cube(value: ir.Value, data: ir.Value, rw: Rewriter) -> bool:
    if with_number(value, "Pow", rw) == (data, 3.0):
        return True
    node = rw.producer(value, "Mul")
    if node is None:
        return False
    for one, square in (node.inputs, reversed(node.inputs)):
        inner = rw.producer(square, "Mul")
        if one is data and inner is not None and all(each is data for each in inner.inputs):
            return True
    return False

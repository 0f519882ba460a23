"""The ``selu`` pass: Selu with constants of its own."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx_ir as ir

from graphfix.rewrite import RewritePass, Rewriter, Skip

_DEFAULTS: Final = {"alpha": 1.67326319217681884765625, "gamma": 1.05070102214813232421875}
"""From ONNX's Selu, after "Self-Normalizing Neural Networks" (Klambauer et al., 2017)."""
_TOLERANCE: Final = 1e-5
"""What ATC's plugin allows (hicann/ops-nn: selu_onnx_plugin.cpp)."""


@dataclass(frozen=True, kw_only=True)
class Selu(RewritePass):
    """Replace Selu with constants of its own by Elu and Mul.

    Why
        ATC stops at a Selu whose ``alpha`` or ``gamma`` differs by more than 1e-5 from that of the
        paper.

    Rewrites
        Such a Selu becomes ``gamma * Elu(x)`` with its alpha.

    Leaves alone
        The constants of the paper. An input of an unknown type, which the constant must have.

    Numerics
        Elu rounds before it is multiplied.
    """

    name = "selu"
    match_ops = ("Selu",)
    must_match = False
    reads_shapes = True

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip | None:
        """Write both factors apart."""
        data = node.inputs[0]
        found = {name: rw.attr_float(node, name, usual) for name, usual in _DEFAULTS.items()}
        if all(abs(found[name] - usual) <= _TOLERANCE for name, usual in _DEFAULTS.items()):
            return rw.satisfied("its constants are those of the paper")
        if data is None or data.dtype is None:
            return rw.skip("the type of its input is not known")
        gamma = rw.const(np.array(found["gamma"]).astype(data.dtype.numpy()))
        return rw.op("Mul", rw.op("Elu", data, alpha=found["alpha"]), gamma)

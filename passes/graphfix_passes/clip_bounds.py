"""The ``clip-bounds`` pass: both bounds of every Clip."""

from collections.abc import Sequence
from dataclasses import dataclass

import ml_dtypes
import numpy as np
import onnx_ir as ir

from graphfix.contract import Exact
from graphfix.rewrite import RewritePass, Rewriter, Skip

_INPUTS_SINCE = 11
"""The opset in which the bounds became inputs."""


@dataclass(frozen=True, kw_only=True)
class ClipBounds(RewritePass):
    """Write out the bounds that a Clip leaves open.

    Why
        ATC stops at a Clip without bounds, and up to CANN 6.0 casts to float32 when one is absent.

    Rewrites
        An absent bound becomes the least or the largest finite number of the type, which is what
        ONNX defines: an input since opset 11, an attribute of a float32 Clip before.

    Leaves alone
        A Clip with both bounds. A Clip of unknown type. Before opset 11, a Clip of a type other
        than float32, whose bounds no attribute holds.
    """

    name = "clip-bounds"
    match_ops = ("Clip",)
    contract = Exact()
    must_match = False
    reads_shapes = True

    def rewrite(self, node: ir.Node, rw: Rewriter) -> Sequence[ir.Value] | Skip | None:
        """Restate the Clip with its bounds."""
        as_inputs = rw.opset >= _INPUTS_SINCE
        names = ("min", "max")
        given = [
            rw.has_input(node, port) if as_inputs else name in node.attributes
            for port, name in enumerate(names, start=1)
        ]
        if all(given):
            return None
        data = node.inputs[0]
        dtype = data.dtype if data is not None else None
        if dtype is None:
            return rw.skip("the type of its input is not known")
        limits = _limits(dtype)
        if as_inputs:
            bounds = [
                rw.input(node, port) or rw.const(np.asarray(limit, dtype.numpy()))
                for port, limit in enumerate(limits, start=1)
            ]
            return rw.restate(node, [data, *bounds])
        if dtype != ir.DataType.FLOAT:
            return rw.skip(f"before opset {_INPUTS_SINCE} the bounds of {dtype.name} are float32")
        missing = [
            (name, float(limit))
            for name, limit, there in zip(names, limits, given, strict=True)
            if not there
        ]
        return rw.restate(node, attributes=dict(missing))


def _limits(dtype: ir.DataType) -> tuple[float | int, float | int]:
    """The least and the largest finite number of a type."""
    kind = dtype.numpy()
    if dtype.is_integer():
        whole = np.iinfo(kind)
        return int(whole.min), int(whole.max)
    real = ml_dtypes.finfo(kind)  # type: ignore[no-untyped-call] # ml_dtypes says no types
    return float(real.min), float(real.max)

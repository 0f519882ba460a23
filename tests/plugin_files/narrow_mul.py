"""Index arithmetic in int32, as NPUs want it."""

import numpy as np
import onnx_ir as ir

from graphfix.contract import InRange
from graphfix.rewrite import RewritePass, Rewriter, Skip


class NarrowMul(RewritePass):
    """Multiply int64 numbers as int32."""

    name = "narrow-mul"
    match_ops = ("Mul",)
    contract = InRange()

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip:
        """Cast, multiply, cast back."""
        a, b = node.inputs
        factor = rw.constant(b)
        if factor is None or factor.dtype != np.int64:
            return rw.skip("the factor is no int64 constant")
        narrow = [rw.op("Cast", value, to=int(ir.DataType.INT32)) for value in (a, b)]
        product = rw.op("Mul", *narrow)
        before = (*node.inputs, node.outputs[0])
        pairs = zip((*narrow, product), before, strict=True)
        rw.promise(InRange({str(new.name): str(old.name) for new, old in pairs if old}))
        return rw.op("Cast", product, to=int(ir.DataType.INT64))

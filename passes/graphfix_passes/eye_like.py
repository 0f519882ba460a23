"""The ``eye-like`` pass: matrices with ones on a diagonal."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from graphfix.contract import Exact
from graphfix.rewrite import RewritePass, Rewriter, Skip


@dataclass(frozen=True, kw_only=True)
class EyeLike(RewritePass):
    """Replace an EyeLike by the matrix, or write out its type.

    Why
        ATC makes the diagonal of a wrong length unless it is the main one or one below, and takes
        float32 where ONNX takes the type of the input.

    Rewrites
        1. An EyeLike of a known size into a constant. The input is not read any more.
        2. Of another size, ``dtype`` as an attribute.

    Leaves alone
        An EyeLike of unknown type, or of unknown size that has its ``dtype``. Matrices of more
        than ``longest`` rows or columns.
    """

    name = "eye-like"
    match_ops = ("EyeLike",)
    contract = Exact()
    must_match = False
    reads_shapes = True

    longest: int = 4096
    """The largest number of rows or columns of a constant."""

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Sequence[ir.Value] | Skip:
        """Take type and size from the input, and the diagonal from the attribute."""
        data, written = node.inputs[0], "dtype" in node.attributes
        own = None if data is None or data.dtype is None else int(data.dtype)
        kind = rw.attr_int(node, "dtype", own or 0)
        if kind == ir.DataType.UNDEFINED:
            return rw.skip("the type of its input is not known")
        sizes = rw.dims(data) or (None, None)
        if None not in sizes and max(size or 0 for size in sizes) <= self.longest:
            rows, columns = (size or 0 for size in sizes)
            # As numpy counts, any diagonal beyond the corners is empty.
            diagonal = min(max(rw.attr_int(node, "k", 0), -rows), columns)
            return rw.const(np.eye(rows, columns, diagonal), ir.DataType(kind))
        if not written:
            return rw.restate(node, dtype=kind)
        if None in sizes:
            return rw.skip("its size is not known")
        return rw.skip(f"it is larger than {self.longest}; see eye-like{{longest}}")

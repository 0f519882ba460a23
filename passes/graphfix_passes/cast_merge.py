"""The ``cast-merge`` pass: Casts in a row."""

from collections.abc import Sequence
from dataclasses import dataclass

import onnx_ir as ir

from graphfix.contract import Exact
from graphfix.rewrite import RewritePass, Rewriter, Skip, node_label

_INTEGERS = {
    ir.DataType.BOOL: (0, 1),
    ir.DataType.INT8: (-(2**7), 2**7 - 1),
    ir.DataType.INT16: (-(2**15), 2**15 - 1),
    ir.DataType.INT32: (-(2**31), 2**31 - 1),
    ir.DataType.INT64: (-(2**63), 2**63 - 1),
    ir.DataType.UINT8: (0, 2**8 - 1),
    ir.DataType.UINT16: (0, 2**16 - 1),
    ir.DataType.UINT32: (0, 2**32 - 1),
    ir.DataType.UINT64: (0, 2**64 - 1),
}
"""The least and the largest number of each type."""

_FLOATS = {
    ir.DataType.FLOAT16: (11, 15),
    ir.DataType.BFLOAT16: (8, 127),
    ir.DataType.FLOAT: (24, 127),
    ir.DataType.DOUBLE: (53, 1023),
}
"""Significant bits and largest exponent of each type (IEEE 754; bfloat16: float32 cut in half)."""


@dataclass(frozen=True, kw_only=True)
class CastMerge(RewritePass):
    """Leave out a Cast that loses nothing in front of another Cast.

    Why
        Every Cast is a kernel and a copy. Exporters go through a wider type on the way from one
        type to another, and back.

    Rewrites
        A Cast to a type that holds every number of the type before, and a Cast of its result: the
        second one reads what the first one read. When that has the wanted type already, its
        readers read it without a Cast. The first one stays for its other readers.

    Leaves alone
        A first Cast that may lose something: the second one gives other numbers without it. Types
        other than bool, integers of 8 to 64 bits, float16, bfloat16, float32 and float64. An input
        of unknown type.
    """

    name = "cast-merge"
    match_ops = ("Cast",)
    contract = Exact()
    must_match = False
    reads_shapes = True

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Sequence[ir.Value] | Skip | None:
        """Let the node read in front of the one before."""
        first = rw.producer(node.inputs[0], "Cast")
        source = first.inputs[0] if first is not None else None
        if first is None or source is None:
            return None
        between = ir.DataType(rw.attr_int(first, "to", 0))
        wanted = ir.DataType(rw.attr_int(node, "to", 0))
        if source.dtype is None:
            return rw.skip("the type in front of both Casts is not known")
        if wanted not in _INTEGERS and wanted not in _FLOATS:
            return rw.skip(f"what {wanted.name} makes of a number may depend on the number's type")
        if not _holds(between, source.dtype):
            step = f"from {source.dtype.name} to {between.name}"
            return rw.skip(f"{node_label(first)!r} may lose something {step}")
        return source if source.dtype == wanted else rw.restate(node, [source])


def _holds(wide: ir.DataType, narrow: ir.DataType) -> bool:
    """Whether every number of type ``narrow`` is one of type ``wide``, too."""
    if narrow in _INTEGERS:
        low, high = _INTEGERS[narrow]
        if wide in _INTEGERS:
            return _INTEGERS[wide][0] <= low and high <= _INTEGERS[wide][1]
        return wide in _FLOATS and max(-low, high) <= 2 ** _FLOATS[wide][0]
    if narrow not in _FLOATS or wide not in _FLOATS:
        return False
    return all(more >= less for more, less in zip(_FLOATS[wide], _FLOATS[narrow], strict=True))

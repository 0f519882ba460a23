"""Sizes computed from those of one tensor, in as few nodes as possible."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from graphfix.rewrite import Rewriter
from graphfix.rewrite.symbolic import Facts, Number, Poly, affine_in


@dataclass(frozen=True)
class SizeChain:
    """``Gather(Shape(source), axes) * factors + offsets``, without the steps that do nothing."""

    source: ir.Value
    rank: int
    axes: tuple[int, ...]
    factors: tuple[int, ...]
    offsets: tuple[int, ...]
    scalar: bool

    @property
    def steps(self) -> tuple[bool, bool, bool]:
        """Whether there is a Gather, a Mul and an Add."""
        gather = self.scalar or self.axes != tuple(range(self.rank))
        return gather, any(f != 1 for f in self.factors), any(self.offsets)

    def __len__(self) -> int:
        return 1 + sum(self.steps)

    def build(self, rw: Rewriter) -> ir.Value:
        """The nodes."""
        gather, mul, add = self.steps
        value = rw.op("Shape", self.source)
        if gather:
            value = rw.op("Gather", value, self._const(rw, self.axes))
        if mul:
            value = rw.op("Mul", value, self._const(rw, self.factors))
        return rw.op("Add", value, self._const(rw, self.offsets)) if add else value

    def _const(self, rw: Rewriter, numbers: tuple[int, ...]) -> ir.Value:
        return rw.const(np.array(numbers[0] if self.scalar else numbers, np.int64))


def size_chain(
    source: ir.Value, sizes: Sequence[Number | None], facts: Facts, *, scalar: bool = False
) -> SizeChain | None:
    """The chain that computes ``sizes`` from those of ``source``; ``None`` when there is none."""
    dims = facts.dims(source) or ()
    found = [_from(size, dims, place) for place, size in enumerate(sizes)]
    terms = [term for term in found if term is not None]
    if not terms or len(terms) < len(found):
        return None
    axes, factors, offsets = zip(*terms, strict=True)
    return SizeChain(source, len(dims), axes, factors, offsets, scalar)


def _from(size: Number | None, dims: tuple[Number, ...], place: int) -> tuple[int, int, int] | None:
    """``(axis, a, b)`` if ``size`` is ``a`` times the size of the axis plus ``b``."""
    if size is not None and place < len(dims) and size == dims[place]:
        return (place, 1, 0)
    if isinstance(size, int):
        return (0, 0, size) if dims else None
    for axis, dim in enumerate(dims):
        found = affine_in(size, dim) if isinstance(size, Poly) and isinstance(dim, Poly) else None
        if found is not None:
            return (axis, *found)
    return None

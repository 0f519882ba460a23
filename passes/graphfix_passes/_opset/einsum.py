"""Einsum as Transpose, Reshape, MatMul, Mul and ReduceSum, two operands at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import onnx_ir as ir

from graphfix.rewrite import Rewriter, Skip
from graphfix_passes._axes import reduced, unsqueezed
from graphfix_passes._opset.table import DOWN


@dataclass(frozen=True)
class _Term:
    """A tensor, one letter for each of its axes, and the sizes that are known."""

    value: ir.Value
    letters: str
    dims: tuple[int | None, ...]


@DOWN.at(12, "Einsum")
def einsum(node: ir.Node, rw: Rewriter) -> ir.Value | Skip:
    """What computes the same as an Einsum, in the opset of the anchor."""
    equation = node.attributes["equation"].as_string().replace(" ", "")
    shapes = [rw.dims(value) for value in node.inputs]
    parsed = _parse(equation, [None if dims is None else len(dims) for dims in shapes])
    if isinstance(parsed, Skip):
        return parsed
    sides, result = parsed
    terms = []
    sizes: dict[str, int] = {}
    for value, letters, dims in zip(node.inputs, sides, shapes, strict=True):
        assert value is not None
        if len(set(letters)) != len(letters):
            return Skip(f"its equation {equation!r} takes a diagonal")
        known = dims or (None,) * len(letters)
        for letter, dim in zip(letters, known, strict=True):
            if dim == 0:
                return Skip(f"axis {letter!r} of its equation {equation!r} has no elements")
            if dim is not None and sizes.setdefault(letter, dim) != dim:
                return Skip(f"its equation {equation!r} broadcasts axis {letter!r}")
        terms.append(_Term(value, letters, known))
    while len(terms) > 1:
        first, second, *rest = terms
        wanted = set(result).union(*(term.letters for term in rest))
        terms = [_product(first, second, wanted, rw), *rest]
    last = _sum_out(terms[0], set(result), rw)
    return _ordered(last, result, rw).value


def _parse(equation: str, ranks: list[int | None]) -> tuple[list[str], str] | Skip:
    left, arrow, result = equation.partition("->")
    sides = left.split(",")
    if len(sides) != len(ranks):
        return Skip(f"its equation {equation!r} does not have a term for every input")
    if not arrow:
        letters = sorted(set(left) - {",", "."})
        result = "".join(letter for letter in letters if left.count(letter) == 1)
        result = ("..." if "..." in left else "") + result
    if "..." not in equation:
        return sides, result
    spare = [letter for letter in "ZYXWVUTSRQPONMLKJIHGFEDCBA" if letter not in equation]
    hidden = 0
    for side, rank in zip(sides, ranks, strict=True):
        if "..." in side:
            if rank is None:
                return Skip(f"its equation {equation!r} has '...', and a rank is unknown")
            hidden = max(hidden, rank - len(side) + 3)
    dots = "".join(spare[:hidden])
    expanded = []
    for side, rank in zip(sides, ranks, strict=True):
        own = (rank or 0) - len(side) + 3 if "..." in side else 0
        expanded.append(side.replace("...", dots[hidden - own :]))
    return expanded, result.replace("...", dots)


def _product(first: _Term, second: _Term, wanted: set[str], rw: Rewriter) -> _Term:
    first = _sum_out(first, wanted | set(second.letters), rw)
    second = _sum_out(second, wanted | set(first.letters), rw)
    both = [letter for letter in first.letters if letter in second.letters]
    batch = "".join(letter for letter in both if letter in wanted)
    inner = "".join(letter for letter in both if letter not in wanted)
    rows = "".join(letter for letter in first.letters if letter not in both)
    columns = "".join(letter for letter in second.letters if letter not in both)
    letters = batch + rows + columns
    sizes = dict(zip(first.letters + second.letters, first.dims + second.dims, strict=True))
    dims = tuple(sizes[letter] for letter in letters)
    left = _ordered(first, batch + rows + inner, rw)
    right = _ordered(second, batch + inner + columns, rw)
    if not inner:
        spread = _unsqueeze(left.value, range(len(left.letters), len(letters)), rw)
        middle = range(len(batch), len(batch) + len(rows))
        return _Term(rw.op("Mul", spread, _unsqueeze(right.value, middle, rw)), letters, dims)
    if not batch and len(inner) == len(columns) == 1 and rows:
        return _Term(rw.op("MatMul", left.value, right.value), letters, dims)
    matrix = rw.op(
        "MatMul",
        _grouped(left, len(batch), (len(rows), len(inner)), rw),
        _grouped(right, len(batch), (len(inner), len(columns)), rw),
    )
    if len(rows) == 1 and len(columns) == 1:
        return _Term(matrix, letters, dims)
    parts = [_Size(left, range(axis, axis + 1)) for axis in range(len(batch) + len(rows))]
    start = len(batch) + len(inner)
    parts += [_Size(right, range(axis, axis + 1)) for axis in range(start, len(right.letters))]
    kept = len(batch) + (1 if len(rows) == 1 else 0)
    return _Term(_reshape(matrix, parts, kept, rw), letters, dims)


def _grouped(term: _Term, batch: int, groups: tuple[int, int], rw: Rewriter) -> ir.Value:
    """The tensor as a batch of matrices: the axes of each group become one."""
    if groups == (1, 1):
        return term.value
    middle = batch + groups[0]
    sizes = [_Size(term, range(axis, axis + 1)) for axis in range(batch)]
    sizes += [_Size(term, range(batch, middle)), _Size(term, range(middle, middle + groups[1]))]
    return _reshape(term.value, sizes, batch + (1 if groups[0] == 1 else 0), rw)


@dataclass(frozen=True)
class _Size:
    """The product of the sizes of some axes of a tensor."""

    term: _Term
    axes: range

    @property
    def known(self) -> int | None:
        dims = [self.term.dims[axis] for axis in self.axes]
        return None if None in dims else prod(dim or 0 for dim in dims)

    def computed(self, rw: Rewriter) -> ir.Value:
        if self.known is not None:
            return rw.const([self.known])
        bounds = [rw.const([self.axes.start]), rw.const([self.axes.stop]), rw.const([0])]
        sizes = rw.op("Slice", rw.op("Shape", self.term.value), *bounds)
        return sizes if len(self.axes) == 1 else reduced(rw, "ReduceProd", sizes, [0])


def _reshape(value: ir.Value, sizes: Sequence[_Size], kept: int, rw: Rewriter) -> ir.Value:
    """``value`` in another shape, of which the first ``kept`` sizes are as they are.

    The shape is a constant, with 0 for what is kept and -1, unless two sizes are open.
    """
    numbers = [0 if i < kept and s.known is None else s.known for i, s in enumerate(sizes)]
    if numbers.count(None) <= 1:
        return rw.op("Reshape", value, rw.const([-1 if n is None else n for n in numbers]))
    return rw.op("Reshape", value, rw.op("Concat", *(s.computed(rw) for s in sizes), axis=0))


def _unsqueeze(value: ir.Value, axes: range, rw: Rewriter) -> ir.Value:
    return unsqueezed(rw, value, axes) if axes else value


def _sum_out(term: _Term, wanted: set[str], rw: Rewriter) -> _Term:
    axes = [index for index, letter in enumerate(term.letters) if letter not in wanted]
    if not axes:
        return term
    kept = [index for index in range(len(term.letters)) if index not in axes]
    return _Term(
        reduced(rw, "ReduceSum", term.value, axes, keep=False),
        "".join(term.letters[index] for index in kept),
        tuple(term.dims[index] for index in kept),
    )


def _ordered(term: _Term, letters: str, rw: Rewriter) -> _Term:
    if term.letters == letters:
        return term
    perm = [term.letters.index(letter) for letter in letters]
    dims = tuple(term.dims[index] for index in perm)
    return _Term(rw.op("Transpose", term.value, perm=perm), letters, dims)

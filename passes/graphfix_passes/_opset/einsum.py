"""Einsum as Transpose, Reshape, MatMul, Mul and ReduceSum, two operands at a time."""

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from graphfix.rewrite.opsets import Answer, Converter
from graphfix.rewrite.records import Skip
from graphfix_passes._opset.table import DOWN


@dataclass(frozen=True)
class _Term:
    """A tensor, one letter for each of its axes, and the sizes that are known."""

    value: ir.Value
    letters: str
    dims: tuple[int | None, ...]


@DOWN.at(12, "Einsum")
def _einsum(node: ir.Node, rw: Converter) -> Answer:
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


def _product(first: _Term, second: _Term, wanted: set[str], rw: Converter) -> _Term:
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
    matrix = rw.op(
        "MatMul",
        _grouped(left, len(batch), (len(rows), len(inner)), rw),
        _grouped(right, len(batch), (len(inner), len(columns)), rw),
    )
    if len(rows) == 1 and len(columns) == 1:
        return _Term(matrix, letters, dims)
    parts = [
        _sizes(left, range(len(batch) + len(rows)), rw),
        _sizes(right, range(len(batch) + len(inner), len(right.letters)), rw),
    ]
    given = [part for part in parts if part is not None]
    shape = rw.op("Concat", *given, axis=0) if given else rw.const(np.zeros(0, np.int64))
    return _Term(rw.op("Reshape", matrix, shape), letters, dims)


def _grouped(term: _Term, batch: int, groups: tuple[int, int], rw: Converter) -> ir.Value:
    """The tensor as a batch of matrices: the axes of each group become one."""
    if groups == (1, 1):
        return term.value
    parts = [_sizes(term, range(batch), rw)]
    start = batch
    for count in groups:
        axes = range(start, start + count)
        size = _sizes(term, axes, rw)
        if size is None:
            parts.append(rw.const([1]))
        else:
            parts.append(size if count == 1 else rw.op("ReduceProd", size, axes=[0], keepdims=1))
        start += count
    given = [part for part in parts if part is not None]
    return rw.op("Reshape", term.value, rw.op("Concat", *given, axis=0))


def _sizes(term: _Term, axes: range, rw: Converter) -> ir.Value | None:
    """The sizes of consecutive axes as a tensor; ``None`` for no axes."""
    if not axes:
        return None
    known = [term.dims[axis] for axis in axes]
    if None not in known:
        return rw.const([dim or 0 for dim in known])
    bounds = [rw.const([axes.start]), rw.const([axes.stop]), rw.const([0])]
    return rw.op("Slice", rw.op("Shape", term.value), *bounds)


def _unsqueeze(value: ir.Value, axes: range, rw: Converter) -> ir.Value:
    return rw.op("Unsqueeze", value, axes=list(axes)) if axes else value


def _sum_out(term: _Term, wanted: set[str], rw: Converter) -> _Term:
    axes = [index for index, letter in enumerate(term.letters) if letter not in wanted]
    if not axes:
        return term
    kept = [index for index in range(len(term.letters)) if index not in axes]
    return _Term(
        rw.op("ReduceSum", term.value, axes=axes, keepdims=0),
        "".join(term.letters[index] for index in kept),
        tuple(term.dims[index] for index in kept),
    )


def _ordered(term: _Term, letters: str, rw: Converter) -> _Term:
    if term.letters == letters:
        return term
    perm = [term.letters.index(letter) for letter in letters]
    dims = tuple(term.dims[index] for index in perm)
    return _Term(rw.op("Transpose", term.value, perm=perm), letters, dims)

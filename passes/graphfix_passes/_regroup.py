"""Which sizes a Reshape means that was exported with numbers for sizes that may change."""

from collections.abc import Callable, Sequence
from math import prod

from graphfix.rewrite.symbolic import Number, Poly, Size, atoms, names, quotient, total

_Group = tuple[range, range]
"""Axes of the data and axes of the result that hold the same elements."""


def regroup(
    data: Sequence[Size],
    exported: Sequence[int],
    original: Callable[[Number], int],
    order: Callable[[str], int],
) -> list[Size] | str:
    """The sizes of the result, or why they are not certain.

    ``data`` are the dims of the input now, ``exported`` the sizes of the result at export,
    ``original`` says what a size was at export, and ``order`` where its symbol stands in the
    inputs. Axes are matched from either end; both must come to the same sizes.
    """
    was = [original(dim) for dim in data]
    answers: list[list[Size]] = []
    for backwards in (True, False):
        groups = _groups(was, exported, backwards=backwards)
        if groups is None:
            return "its sizes do not hold the elements of its input"
        sizes = list(exported)
        result: list[Size] = [*sizes]
        for source, target in groups:
            solved = _solve(
                [data[k] for k in source], [exported[k] for k in target], original, order
            )
            if solved is None:
                part = ", ".join(str(data[k]) for k in source)
                return f"how [{part}] is divided among {[exported[k] for k in target]} is not clear"
            for k, size in zip(target, solved, strict=True):
                result[k] = size
        answers.append(result)
    first, second = answers
    if first != second:
        options = " or ".join(f"[{', '.join(map(str, answer))}]" for answer in answers)
        return f"its sizes may mean {options}; export with other sizes, all above 1"
    return first


def _groups(was: Sequence[int], exported: Sequence[int], *, backwards: bool) -> list[_Group] | None:
    """The finest division into axes with the same number of elements."""
    if 0 in was or 0 in exported or prod(was) != prod(exported):
        return None
    left, right = (list(x)[::-1] if backwards else list(x) for x in (was, exported))
    ends = _cuts(left, right)
    m, n = len(left), len(right)
    groups = []
    i = j = 0
    for a, b in ends:
        source, target = range(i, a), range(j, b)
        if backwards:
            source, target = range(m - a, m - i), range(n - b, n - j)
        groups.append((source, target))
        i, j = a, b
    return groups


def _cuts(left: Sequence[int], right: Sequence[int]) -> list[tuple[int, int]]:
    """Where each group ends; what is left over (axes of size 1) goes to the last one."""
    cuts: list[tuple[int, int]] = []
    i = j = 0
    while i < len(left) and j < len(right):
        p, q = left[i], right[j]
        i, j = i + 1, j + 1
        while p != q:
            if p < q:
                p, i = p * left[i], i + 1
            else:
                q, j = q * right[j], j + 1
        cuts.append((i, j))
    return [*cuts[:-1], (len(left), len(right))]


def _solve(
    source: Sequence[Size],
    target: Sequence[int],
    original: Callable[[Number], int],
    order: Callable[[str], int],
) -> Sequence[Size] | None:
    """Sizes for the axes of one group that multiply to the elements of its source."""
    elements = total(source)
    if not isinstance(elements, Poly):
        return target
    if len(target) == 1:
        return [elements]
    if not target:
        return None
    whole = prod(target)
    choices: list[list[Size]] = []
    for k, size in enumerate(target):
        new = quotient(elements, whole // size)
        if isinstance(new, Poly) and original(new) == size and _is_integral(new):
            choices.append([*target[:k], new, *target[k + 1 :]])
    if choices:
        return choices[-1] if _is_innermost(source) else choices[0]
    return _by_factors(elements, target, original, order)


def _is_integral(x: Poly) -> bool:
    return all(factor.denominator == 1 for factor in x.terms.values())


def _is_innermost(source: Sequence[Size]) -> bool:
    """Whether what changes is the last axis, behind others."""
    return isinstance(source[-1], Poly) and any(dim != 1 for dim in source[:-1])


def _by_factors(
    elements: Poly,
    target: Sequence[int],
    original: Callable[[Number], int],
    order: Callable[[str], int],
) -> Sequence[Size] | None:
    """One factor for each axis, in the order of the inputs, as ``h * w`` for height and width."""
    factors = sorted(atoms(elements), key=lambda factor: min(map(order, names(factor))))
    sizes: list[Size] = list(target)
    k = 0
    for factor in factors:
        while k < len(sizes) and target[k] != original(factor):
            k += 1
        if k == len(sizes):
            return None
        sizes[k] = factor
        k += 1
    return sizes if total(sizes) == elements else None

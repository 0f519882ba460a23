"""Sizes as polynomials over the dims of a model, with floor divisions that stay as they are.

A size is an ``int`` when it is known and a :class:`Poly` when it depends on a dim; in between, what
a chain of floats computes may be a ``Fraction`` or have fractions as coefficients. Two sizes that
are equal as objects are equal in every run. What cannot be said for every run is
:class:`Undecided`, never guessed.

Every symbol stands for a dim, hence for an integer up to :data:`LONGEST_AXIS`.
"""

import ast
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import gcd, lcm
from typing import Union

LONGEST_AXIS = 2**19
"""The longest axis a symbol stands for: float32 holds 32 times as much (2**24) exactly."""

_MOST_TERMS = 32
"""Longer polynomials are given up, so that arithmetic stays cheap whatever a model computes."""


class Undecided(Exception):
    """The result is not the same expression for all sizes, or is too long to follow."""


@dataclass(frozen=True)
class Symbol:
    """A dim: one that the caller chooses, or one nobody knows more about."""

    name: str
    least: int = 1
    """0 for a dim that may be empty, such as the number of hits of a NonZero."""

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Quotient:
    """``floor(numerator / denominator)`` that no rule simplifies.

    The denominator is never negative; where it is zero, the model does not run.
    """

    numerator: "Size"
    denominator: "Size"

    @cached_property
    def _text(self) -> str:
        return f"floor({_operand(self.numerator)}/{_operand(self.denominator)})"

    def __str__(self) -> str:
        return self._text


Atom = Symbol | Quotient
Monomial = tuple[Atom, ...]
"""A product of atoms, sorted by their text; the empty product is 1."""
Coefficient = int | Fraction


@dataclass(frozen=True, eq=False)
class Poly:
    """A sum of monomials with coefficients; made by arithmetic, never a mere constant."""

    terms: Mapping[Monomial, Coefficient]

    def __add__(self, other: "Number") -> "Number":
        if not isinstance(other, int | Fraction | Poly):
            return NotImplemented
        terms = dict(self.terms)
        for monomial, factor in _terms(other).items():
            terms[monomial] = terms.get(monomial, 0) + factor
        return _number(terms)

    def __mul__(self, other: "Number") -> "Number":
        if not isinstance(other, int | Fraction | Poly):
            return NotImplemented
        terms: dict[Monomial, Coefficient] = {}
        for left, a in self.terms.items():
            for right, b in _terms(other).items():
                monomial = tuple(sorted((*left, *right), key=str))
                terms[monomial] = terms.get(monomial, 0) + a * b
        return _number(terms)

    __radd__ = __add__
    __rmul__ = __mul__

    def __neg__(self) -> "Number":
        return self * -1

    def __sub__(self, other: "Number") -> "Number":
        return self + -other

    def __rsub__(self, other: "Number") -> "Number":
        return -self + other

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Poly) and self.terms == other.terms

    def __hash__(self) -> int:
        return hash(frozenset(self.terms.items()))

    def __str__(self) -> str:
        text = ""
        for monomial, factor in sorted(self.terms.items(), key=_term_order):
            product = "*".join(map(str, monomial))
            size = abs(factor)
            part = str(size) if not product else product if size == 1 else f"{size}*{product}"
            sign = "-" if factor < 0 else "+"
            text += f" {sign} {part}" if text else part if factor > 0 else f"-{part}"
        return text


Size = Union[int, Poly]  # noqa: UP007 - a name used as a forward reference above
Number = Union[int, Fraction, Poly]  # noqa: UP007 - the same


def symbol(name: str, least: int = 1) -> Poly:
    """The size of the dim called ``name``."""
    return Poly({(Symbol(name, least),): 1})


def names(x: Number) -> frozenset[str]:
    """The names of the symbols in ``x``."""
    found: set[str] = set()
    for atom in {atom for monomial in _terms(x) for atom in monomial}:
        if isinstance(atom, Symbol):
            found.add(atom.name)
        else:
            found |= names(atom.numerator) | names(atom.denominator)
    return frozenset(found)


def parse_size(text: str, known: Container[str] = ()) -> Poly:
    """The size a dim parameter such as ``32*h`` or ``s0 + 1`` says; any other text is one symbol.

    A difference of names is one symbol, too: ``batch-size`` is a name. Names that are not
    ``known`` may be empty dims.
    """
    try:
        size = _from_tree(ast.parse(text, mode="eval").body, known)
    except (SyntaxError, ValueError, Undecided, RecursionError, MemoryError):
        size = 0
    return size if isinstance(size, Poly) else symbol(text, int(text in known))


def total(sizes: Iterable[Number]) -> Number:
    """The product: how many elements a tensor with these dims has."""
    product: Number = 1
    for size in sizes:
        product = product * size
    return product


def floor_division(a: Number, b: Number) -> Size:
    """``floor(a / b)``.

    Raises:
        Undecided: ``b`` may be negative, or the result is too long.
    """
    scale = lcm(_denominator(a), _denominator(b))
    a, b = _scaled(a, scale), _scaled(b, scale)
    if b == 0:
        raise Undecided("division by zero")
    if isinstance(a, int) and isinstance(b, int):
        return a // b
    exact = quotient(a, b)
    if exact is not None and _denominator(exact) == 1:
        return _whole(exact)
    if not is_natural(b):
        raise Undecided(f"{b} may be negative")
    return _by_polynomial(a, b) if isinstance(b, Poly) else _by_integer(a, b)


def quotient(a: Number, b: Number) -> Number | None:
    """``a / b`` if that is a polynomial again: the division leaves no rest.

    Where ``b`` is zero the division has no value; sizes are positive, so that does not happen.
    """
    if not isinstance(b, Poly):
        return None if b == 0 else _number({m: Fraction(f) / b for m, f in _terms(a).items()})
    rest: Number = a
    found: Number = 0
    lead, lead_factor = _leading(b)
    for _ in range(_MOST_TERMS):
        if rest == 0:
            return found
        if not isinstance(rest, Poly):
            return None
        monomial, factor = _leading(rest)
        left = _without(monomial, lead)
        if left is None:
            return None
        step = _number({left: Fraction(factor) / lead_factor})
        found = found + step
        rest = rest - step * b
    return None


def least(x: Number) -> Coefficient | None:
    """A lower bound of ``x`` over all sizes, or ``None`` when there seems to be none."""
    moved: dict[tuple[str, ...], Coefficient] = {}
    for monomial, factor in _terms(x).items():
        parts: dict[tuple[str, ...], Coefficient] = {(): factor}
        for atom in monomial:
            low = _lowest(atom)
            if low is None:
                return None
            shifted: dict[tuple[str, ...], Coefficient] = {}
            for rest, value in parts.items():
                longer = tuple(sorted((*rest, str(atom))))
                shifted[rest] = shifted.get(rest, 0) + value * low
                shifted[longer] = shifted.get(longer, 0) + value
            parts = shifted
        for rest, value in parts.items():
            moved[rest] = moved.get(rest, 0) + value
    if any(value < 0 for rest, value in moved.items() if rest):
        return None
    return moved.get((), 0)


def is_positive(x: Number) -> bool:
    """Whether ``x`` is never 0 or negative."""
    low = least(x)
    return low is not None and low >= 1


def is_natural(x: Number) -> bool:
    """Whether ``x`` is never negative."""
    low = least(x)
    return low is not None and low >= 0


def is_whole(x: Number) -> bool:
    """Whether ``x`` is an integer at all sizes."""
    return _denominator(x) == 1


def largest(x: Number) -> Fraction:
    """A bound of ``abs(x)`` over all sizes up to :data:`LONGEST_AXIS`."""
    bound = Fraction(0)
    for monomial, factor in _terms(x).items():
        product = abs(Fraction(factor))
        for atom in monomial:
            product *= LONGEST_AXIS if isinstance(atom, Symbol) else largest(atom.numerator)
        bound += product
    return bound


def compare(a: Number, b: Number) -> int:
    """-1, 0 or 1: how ``a`` compares with ``b`` in every run.

    Raises:
        Undecided: that depends on the sizes.
    """
    difference = a - b
    if not isinstance(difference, Poly):
        return (difference > 0) - (difference < 0)
    low, high = least(difference), least(-difference)
    if low is not None and low > 0:
        return 1
    if high is not None and high > 0:
        return -1
    raise Undecided(f"whether {a} is {b} depends on the sizes")


def evaluate(x: Number, sizes: Mapping[str, int]) -> Fraction:
    """The number that ``x`` is for these sizes of its symbols."""
    result = Fraction(0)
    for monomial, factor in _terms(x).items():
        product = Fraction(factor)
        for atom in monomial:
            if isinstance(atom, Symbol):
                product *= sizes[atom.name]
            else:
                product *= evaluate(atom.numerator, sizes) // evaluate(atom.denominator, sizes)
        result += product
    return result


def substitute(x: Number, sizes: Mapping[str, int]) -> Number:
    """``x`` with numbers in place of some symbols.

    Raises:
        Undecided: a division is by what may be negative.
    """
    result: Number = 0
    for monomial, factor in _terms(x).items():
        product: Number = factor
        for atom in monomial:
            if isinstance(atom, Quotient):
                over, under = (substitute(y, sizes) for y in (atom.numerator, atom.denominator))
                product = product * floor_division(over, under)
            else:
                product = product * sizes.get(atom.name, Poly({(atom,): 1}))
        result = result + product
    return _plain(result) if isinstance(result, Fraction) else result


def atoms(x: Number) -> tuple[Poly, ...]:
    """The factors of ``x`` that depend on sizes; none if it is a sum."""
    terms = _terms(x)
    (monomial,) = terms if len(terms) == 1 else ((),)
    return tuple(Poly({(atom,): 1}) for atom in monomial)


def affine_in(x: Poly, y: Poly) -> tuple[int, int] | None:
    """``(a, b)`` if ``x`` is ``a * y + b`` with integers; ``None`` otherwise."""
    monomial = next(m for m in y.terms if m)
    a = Fraction(x.terms.get(monomial, 0)) / y.terms[monomial]
    b = x - a * y
    if isinstance(b, Poly) or a.denominator != 1 or Fraction(b).denominator != 1:
        return None
    return int(a), int(b)


def _affine(x: Number) -> tuple[Coefficient, Atom | None, Coefficient] | None:
    """``(a, atom, b)`` if ``x`` is ``a * atom + b``; the atom of a constant is ``None``."""
    terms = dict(_terms(x))
    offset = terms.pop((), 0)
    if not terms:
        return 0, None, offset
    (monomial, factor), *others = terms.items()
    return None if others or len(monomial) != 1 else (factor, monomial[0], offset)


def _terms(x: Number) -> Mapping[Monomial, Coefficient]:
    return x.terms if isinstance(x, Poly) else {(): x}


def _number(terms: Mapping[Monomial, Coefficient]) -> Number:
    kept = {m: _plain(factor) for m, factor in terms.items() if factor != 0}
    if len(kept) > _MOST_TERMS:
        raise Undecided("the expression is too long")
    if not kept or tuple(kept) == ((),):
        return kept.get((), 0)
    return Poly(kept)


def _plain(factor: Coefficient) -> Coefficient:
    return factor.numerator if factor.denominator == 1 else factor


def _operand(x: Size) -> str:
    text = str(x)
    return f"({text})" if " " in text or "*" in text else text


def _term_order(term: tuple[Monomial, Coefficient]) -> tuple[int, str]:
    return -len(term[0]), "*".join(map(str, term[0]))


def _leading(x: Poly) -> tuple[Monomial, Coefficient]:
    """The term that decides a division.

    The order of monomials must not change when both are multiplied by the same: compared are
    their degrees, then the exponents of their atoms, by name.
    """
    names = sorted({str(atom) for monomial in x.terms for atom in monomial})
    return max(
        x.terms.items(),
        key=lambda term: (len(term[0]), [list(map(str, term[0])).count(name) for name in names]),
    )


def _without(product: Monomial, factor: Monomial) -> Monomial | None:
    """``product / factor``, if every atom of ``factor`` is in ``product``."""
    left = list(product)
    for atom in factor:
        if atom not in left:
            return None
        left.remove(atom)
    return tuple(left)


def _denominator(x: Number) -> int:
    return lcm(*(factor.denominator for factor in _terms(x).values()))


def _scaled(x: Number, factor: int) -> Size:
    return _whole(x * factor)


def _whole(x: Number) -> Size:
    if isinstance(x, Fraction):
        assert x.denominator == 1
        return x.numerator
    return x


def _by_integer(a: Size, b: int) -> Size:
    """Take the multiples of ``b`` out, then what numerator and ``b`` have in common."""
    whole = _number({m: int(f) // b for m, f in _terms(a).items()})
    rest = _number({m: int(f) % b for m, f in _terms(a).items()})
    if not isinstance(rest, Poly):
        return _whole(whole + int(rest) // b)
    common = gcd(b, *(int(f) for m, f in rest.terms.items() if m))
    if common > 1:
        # The constant loses what is not a multiple: floor((g*x + k)/(g*c)) = floor((x + k//g)/c).
        reduced = _number({m: int(f) // common for m, f in rest.terms.items()})
        return _whole(whole + _by_integer(_whole(reduced), b // common))
    if b == 1:
        return _whole(whole + rest)
    inner = _affine(rest)
    if inner is not None and inner[0] == 1 and isinstance(inner[1], Quotient):
        # floor((floor(p/q) + k)/b) = floor((p + k*q)/(q*b))
        atom, offset = inner[1], int(inner[2])
        numerator = atom.numerator + offset * atom.denominator
        return _whole(whole + floor_division(numerator, atom.denominator * b))
    return _whole(whole + Poly({(Quotient(_whole(rest), b),): 1}))


def _by_polynomial(a: Size, b: Poly) -> Size:
    over = least(b - a)
    if is_natural(a) and over is not None and over > 0:
        return 0
    return Poly({(Quotient(a, b),): 1})


def _lowest(atom: Atom) -> int | None:
    if isinstance(atom, Symbol):
        return atom.least
    low = least(atom.numerator)
    if low is None:
        return None
    if isinstance(atom.denominator, int):
        return int(low // atom.denominator)
    return 0 if low >= 0 else None


def _from_tree(node: ast.expr, known: Container[str]) -> Number:
    if isinstance(node, ast.Name):
        return symbol(node.id, int(node.id in known))
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return node.value
    if isinstance(node, ast.BinOp):
        left, right = _from_tree(node.left, known), _from_tree(node.right, known)
        if isinstance(node.op, ast.Add):
            return left + right
        if isinstance(node.op, ast.Sub) and not isinstance(right, Poly):
            return left - right
        if isinstance(node.op, ast.Mult):
            return left * right
        if isinstance(node.op, ast.FloorDiv):
            return floor_division(left, right)
    raise ValueError("not an expression over sizes")

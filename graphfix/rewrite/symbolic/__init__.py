"""What a model computes about its own sizes, for every size its inputs may have."""

from graphfix.rewrite.symbolic.facts import Facts
from graphfix.rewrite.symbolic.size import (
    Number,
    Poly,
    Size,
    Undecided,
    affine_in,
    atoms,
    compare,
    evaluate,
    floor_division,
    is_positive,
    names,
    parse_size,
    quotient,
    substitute,
    symbol,
    total,
)
from graphfix.rewrite.symbolic.vector import Known

__all__ = [
    "Facts",
    "Known",
    "Number",
    "Poly",
    "Size",
    "Undecided",
    "affine_in",
    "atoms",
    "compare",
    "evaluate",
    "floor_division",
    "is_positive",
    "names",
    "parse_size",
    "quotient",
    "substitute",
    "symbol",
    "total",
]

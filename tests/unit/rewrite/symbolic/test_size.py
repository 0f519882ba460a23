"""The algebra of sizes: every identity holds for every size it is used with."""

import contextlib
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphfix.rewrite.symbolic.size import (
    LONGEST_AXIS,
    Number,
    Undecided,
    compare,
    evaluate,
    floor_division,
    largest,
    least,
    parse_size,
    quotient,
    symbol,
    total,
)

H, W = symbol("H"), symbol("W")


def expressions() -> st.SearchStrategy[tuple[Any, Callable[[int, int], int]]]:
    """An expression, and the same calculation on plain integers."""
    leaves = st.one_of(
        st.just((H, lambda h, w: h)),
        st.just((W, lambda h, w: w)),
        st.integers(-9, 9).map(lambda k: (k, lambda h, w: k)),
    )

    def combine(inner: Any) -> Any:
        pairs = st.tuples(inner, inner)
        return st.one_of(
            pairs.map(lambda p: (p[0][0] + p[1][0], lambda h, w: p[0][1](h, w) + p[1][1](h, w))),
            pairs.map(lambda p: (p[0][0] - p[1][0], lambda h, w: p[0][1](h, w) - p[1][1](h, w))),
            pairs.map(lambda p: (p[0][0] * p[1][0], lambda h, w: p[0][1](h, w) * p[1][1](h, w))),
            st.tuples(inner, st.integers(1, 9)).map(
                lambda p: (floor_division(p[0][0], p[1]), lambda h, w: p[0][1](h, w) // p[1])
            ),
        )

    return st.recursive(leaves, combine, max_leaves=6)


SIZES = st.integers(1, 60)


@settings(max_examples=300, deadline=None)
@given(expressions(), SIZES, SIZES)
def test_expressions_are_what_integers_make_of_them(case: Any, h: int, w: int) -> None:
    expression, calculate = case
    assert evaluate(expression, {"H": h, "W": w}) == calculate(h, w)


@settings(max_examples=200, deadline=None)
@given(expressions(), expressions(), SIZES, SIZES)
def test_bounds_comparisons_and_divisions_hold(left: Any, right: Any, h: int, w: int) -> None:
    a, b = evaluate(left[0], {"H": h, "W": w}), evaluate(right[0], {"H": h, "W": w})
    low = least(left[0])
    assert low is None or low <= a
    assert abs(a) <= largest(left[0])
    with contextlib.suppress(Undecided):
        assert compare(left[0], right[0]) == (a > b) - (a < b)
    exact = quotient(left[0], right[0])
    if exact is not None and b != 0:
        assert evaluate(exact, {"H": h, "W": w}) == Fraction(a) / Fraction(b)
    try:
        floored = floor_division(left[0], right[0])
    except Undecided:
        return
    if b != 0:
        assert evaluate(floored, {"H": h, "W": w}) == a // b


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (H - H, "0"),
        ((H + 1) * (H - 1) - H * H, "-1"),
        (floor_division(8 * H, H), "8"),
        (floor_division(6 * H + 4, 2), "3*H + 2"),
        (floor_division(2 * H, 4), "floor(H/2)"),
        (floor_division(floor_division(H - 1, 2), 2), "floor((H + 3)/4) - 1"),
        (floor_division(H * W, W), "H"),
        (floor_division(3, H + 3), "0"),
        (floor_division(Fraction(3, 2) * H, 1), "H + floor(H/2)"),
        (quotient((H + W) * (2 * H - W), 2 * H - W), "H + W"),
        (quotient(H, W), "None"),
        (quotient(H, 4), "1/4*H"),
    ],
)
def test_normal_form(x: Number | None, text: str) -> None:
    assert str(x) == text


def test_strides_of_two_in_a_row_are_one_division() -> None:
    size: Any = H
    for _ in range(5):
        size = floor_division(size + 2 - 3, 2) + 1  # kernel 3, pads 1
    assert size == floor_division(H + 31, 32)


def test_division_by_what_may_be_negative_is_undecided() -> None:
    with pytest.raises(Undecided, match="H - 2 may be negative"):
        floor_division(W, H - 2)
    assert str(floor_division(W, H - 1)) == "floor(W/(H - 1))"


def test_comparison_that_depends_on_the_sizes_is_undecided() -> None:
    assert compare(H, 0) == 1
    assert compare(H, -1) == 1
    assert compare(0, H * W) == -1
    with pytest.raises(Undecided, match="whether H is 1 depends on the sizes"):
        compare(H, 1)


def test_a_dim_that_may_be_empty_is_not_above_zero() -> None:
    hits = symbol("hits", least=0)
    with pytest.raises(Undecided):
        compare(hits, 0)
    assert compare(hits, -1) == 1


def test_expressions_that_grow_are_given_up() -> None:
    factors = [symbol(f"a{k}") + 1 for k in range(9)]
    with pytest.raises(Undecided, match="too long"):
        total(factors)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("32*h", 32 * symbol("h")),
        ("s0 + 1", symbol("s0") + 1),
        ("(s0//2)*2", 2 * floor_division(symbol("s0"), 2)),
        ("batch-size", symbol("batch-size")),
        ("DynamicDimension.0", symbol("DynamicDimension.0")),
        ("seq len", symbol("seq len")),
        ("7", symbol("7")),
        ("-x", symbol("-x")),
        ("s0//0", symbol("s0//0")),
    ],
)
def test_dim_parameters_are_read(text: str, expected: Number) -> None:
    known = {"h", "s0", text}
    assert parse_size(text, known) == expected


def test_the_largest_value_counts_every_atom_at_its_longest() -> None:
    assert largest(3 * H - 2) == 3 * LONGEST_AXIS + 2
    assert largest(floor_division(H, 7)) == LONGEST_AXIS

"""Comparing two results of one output."""

from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from graphfix.contract import Approximate, Close, Exact, InRange, Interface, Replaces
from graphfix.verify import Tolerance, compare, tolerance
from graphfix.verify.tolerance import default_rtol, scale, weakest_label

EXACT = Tolerance()
F32 = np.dtype(np.float32)


def close(*values: float) -> np.ndarray[Any, Any]:
    return np.array(values, np.float32)


def test_default_tolerances() -> None:
    table = {
        np.float64: 1.42e-14,
        np.float32: 7.63e-6,
        np.float16: 7.81e-3,
        ml_dtypes.bfloat16: 6.25e-2,
        np.complex64: 7.63e-6,
    }
    for dtype, rtol in table.items():
        assert default_rtol(np.dtype(dtype)) == pytest.approx(rtol, rel=1e-2)


def test_numbers_of_a_failure() -> None:
    before, after = close(1, 2, 3, 4), close(1, 2.5, 3, 4.00001)
    found = compare("y", before, after, Tolerance(rtol=1e-4, atol=0.0))

    assert not found.passed
    assert found.max_abs == pytest.approx(0.5)
    assert found.max_rel == pytest.approx(0.25)
    assert found.allowed == pytest.approx(2e-4)
    assert found.index == 1
    assert found.severity == pytest.approx(2500)
    assert found.why == (
        "output 'y': max |diff| 0.5 at flat index 1 (2.5 after, 2.0 before), allowed 0.0002; "
        "1 of 4 elements differ beyond it"
    )


def test_the_worst_element_is_judged_by_what_it_may_differ() -> None:
    before, after = close(1000, 0.001), close(1000.05, 0.0015)
    found = compare("y", before, after, Tolerance(rtol=1e-4, atol=0.0))

    assert found.index == 1
    assert found.max_abs == pytest.approx(0.05, rel=1e-2)
    assert found.why.startswith("output 'y': max |diff| 0.0005 at flat index 1 (0.0015")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (close(np.nan, 1), close(1, np.nan)),
        (close(np.nan, 1), close(0, 1)),
        (close(1, 1), close(np.nan, 1)),
        (close(np.inf), close(-np.inf)),
        (close(np.inf), close(3e38)),
        (close(3e38), close(np.inf)),
        (np.array([complex(np.nan, 1)]), np.array([complex(1, np.nan)])),
    ],
)
@pytest.mark.parametrize("allowed", [EXACT, Tolerance(rtol=1.0, atol=1e9), Tolerance(cosine=-1.0)])
def test_nan_and_infinity_must_stand_in_place(before: Any, after: Any, allowed: Tolerance) -> None:
    assert not compare("y", before, after, allowed).passed


@pytest.mark.parametrize("allowed", [EXACT, Tolerance(rtol=1e-6)])
def test_nan_and_infinity_in_place_pass(allowed: Tolerance) -> None:
    values = close(np.nan, np.inf, -np.inf, 1)

    assert compare("y", values, values.copy(), allowed).passed


def test_exact_is_bit_for_bit() -> None:
    one = close(1.0)

    assert compare("y", one, one.copy(), EXACT).passed
    assert not compare("y", one, np.nextafter(one, np.float32(2)), EXACT).passed
    assert not compare("y", close(0.0), close(-0.0), EXACT).passed
    assert compare("y", close(0.0), close(-0.0), Tolerance(rtol=1e-6)).passed


@pytest.mark.parametrize("dtype", [np.int64, np.uint64, np.int8, np.bool_, ml_dtypes.int4])
def test_integers_are_exact_under_any_tolerance(dtype: Any) -> None:
    before, after = np.array([0, 1], dtype), np.array([1, 1], dtype)

    assert not compare("y", before, after, Tolerance(rtol=9.0, atol=9.0)).passed
    assert compare("y", before, before.copy(), Tolerance(rtol=0.0, atol=0.0)).passed


def test_large_integers_are_not_rounded_before_they_are_compared() -> None:
    before, after = np.array([2**62], np.int64), np.array([2**62 + 1], np.int64)
    found = compare("y", before, after, Tolerance(rtol=1e-3))

    assert not found.passed
    assert found.max_abs == 1


def test_strings_are_exact() -> None:
    before, after = np.array(["a", "b"], object), np.array(["a", "c"], object)

    assert compare("y", before, before.copy(), EXACT).passed
    assert compare("y", before, after, Tolerance(rtol=1.0)).why == (
        "output 'y': 'c' where before has 'b', at flat index 1"
    )


def test_shape_and_dtype_must_be_the_same() -> None:
    before = np.zeros((2, 3), np.float32)

    assert not compare("y", before, before.reshape(3, 2), Tolerance(rtol=1.0)).passed
    assert not compare("y", before, before.reshape(2, 3, 1), Tolerance(rtol=1.0)).passed
    assert not compare("y", before, before.astype(np.float64), Tolerance(rtol=1.0)).passed
    assert compare("y", before, before.astype(np.float64), EXACT, retyped=True).passed


def test_retyped_integers_compare_by_value() -> None:
    before, after = np.array([1, -1], np.int64), np.array([1, -1], np.int32)

    assert compare("y", before, after, EXACT, retyped=True).passed
    assert not compare("y", before, after.astype(np.uint8), EXACT, retyped=True).passed


def test_sequences_are_compared_element_by_element() -> None:
    before = [close(1, 2), close(3)]

    assert compare("y", before, [close(1, 2), close(3)], EXACT).passed
    assert compare("y", [], [], EXACT).passed
    assert compare("y", before, [close(1, 2)], EXACT).why == (
        "output 'y': 1 elements after, 2 before"
    )
    wrong = compare("y", before, [close(1, 2), close(4)], EXACT)
    assert wrong.output == "y"
    assert wrong.why.startswith("output 'y[1]': max |diff| 1 ")
    assert not compare("y", before, close(1), EXACT).passed


def test_empty_optionals_and_maps() -> None:
    assert compare("y", None, None, EXACT).passed
    assert not compare("y", None, close(1), EXACT).passed
    assert compare("y", {1: 0.5}, {1: 0.5}, EXACT).passed
    assert not compare("y", {1: 0.5}, {2: 0.5}, EXACT).passed
    assert not compare("y", {1: 0.5}, {1: 0.25}, EXACT).passed


def test_empty_tensors_are_equal_when_their_shapes_are() -> None:
    assert compare("y", np.zeros((0, 3)), np.zeros((0, 3)), EXACT).passed
    assert not compare("y", np.zeros((0, 3)), np.zeros((3, 0)), EXACT).passed


def test_relative_error() -> None:
    before = np.array([3.0, 4.0], F32)
    found = compare("y", before, before * np.float32(1.5), Tolerance(cosine=0.99, relative=0.5))
    assert found.passed
    assert found.relative == pytest.approx(0.5)
    found = compare("y", before, before * np.float32(1.5), Tolerance(cosine=0.99, relative=0.4))
    assert (found.passed, found.severity) == (False, np.inf)
    assert "relative error 0.5, allowed 0.4" in found.why
    assert compare("y", before * 0, before, Tolerance(cosine=-1, relative=9)).relative == np.inf
    assert compare("y", before, before, EXACT).relative == 0


def test_several_approximations_share_the_widest_limits() -> None:
    some = [Approximate(0.9, relative=0.1), Approximate(0.99, relative=0.3)]
    assert tolerance(some, F32) == Tolerance(cosine=0.9, relative=0.3)
    assert tolerance([*some, Approximate(0.99)], F32).relative is None
    assert some[0].label == "approximate(cosine>=0.9, relative<=0.1)"


def test_cosine() -> None:
    before = close(1, 2, 3)

    assert compare("y", before, before * 2, Tolerance(cosine=0.9999)).passed
    assert not compare("y", before, -before, Tolerance(cosine=0.5)).passed
    assert not compare("y", before, before * 0, Tolerance(cosine=0.5)).passed
    assert compare("y", before * 0, before * 0, Tolerance(cosine=0.5)).passed
    wide = before.astype(np.float64) * 1e200
    huge = compare("y", wide, wide * 1e100, Tolerance(cosine=0.99))
    assert huge.cosine == pytest.approx(1)


def test_an_infinite_tolerance_is_not_an_excuse_for_overflowed_differences() -> None:
    found = compare("y", np.array([1e308]), np.array([-1e308]), Tolerance(rtol=1e-6))

    assert not found.passed


def test_atol_follows_the_magnitude_but_not_fill_values() -> None:
    plain = np.full(100, 2.0)
    masked = np.concatenate([plain, [-1e9, 3.4e38, np.inf, np.nan]])

    assert scale(plain) == pytest.approx(2)
    assert scale(masked) == pytest.approx(2)
    assert scale(np.array([1e9, 1e9])) == pytest.approx(1e9)
    assert scale(np.array([np.nan])) == 0
    assert scale(np.array([1e200, 1e200])) == pytest.approx(1e200)


def test_weakest_contract_decides() -> None:
    mixed = tolerance([Exact(), Close(rtol=1e-4), Close()], F32)

    assert mixed.rtol == 1e-4
    assert tolerance([Exact(), InRange()], F32).exact
    assert tolerance([], F32).exact
    assert tolerance([Approximate(0.9), Close(), Approximate(0.8)], F32).cosine == 0.8
    assert tolerance([Interface(base=Close(rtol=0.5)), Replaces(base=Exact())], F32).rtol == 0.5
    assert weakest_label([Exact(), Close(rtol=1e-3), InRange()]) == "close(rtol=0.001)"
    assert weakest_label([]) == "exact"


def test_a_contract_cannot_promise_less_than_rounding() -> None:
    assert tolerance([Close(rtol=1e-6)], np.dtype(np.float16)).rtol == 2**-9
    assert tolerance([Close(rtol=1e-6)], F32).rtol == 1e-6


def test_arithmetic_in_half_precision_counts_for_a_float32_output() -> None:
    half = np.dtype(np.float16)

    assert tolerance([Close()], F32, arithmetic=half).rtol == default_rtol(half)
    assert tolerance([Close()], half, arithmetic=None).rtol == default_rtol(half)


def test_user_limits_cap_and_never_loosen() -> None:
    before = close(1, -1)
    contract = tolerance([Close(rtol=1e-3, atol=0.0)], F32, rtol=1e-5, atol=0.0)
    loose = tolerance([Close(rtol=1e-3, atol=0.0)], F32, rtol=1.0, atol=1.0)

    assert contract.allowed(before).max() == pytest.approx(1e-5)
    assert loose.allowed(before).max() == pytest.approx(1e-3)


ARRAYS = hnp.arrays(
    np.float32,
    hnp.array_shapes(max_dims=3, max_side=4),
    elements=st.floats(width=32, allow_nan=True, allow_infinity=True),
)


@given(ARRAYS)
def test_every_array_equals_itself(values: np.ndarray[Any, Any]) -> None:
    for allowed in (EXACT, tolerance([Close()], F32), Tolerance(cosine=0.999)):
        assert compare("y", values, values.copy(), allowed).passed


@given(ARRAYS, st.data())
def test_one_changed_element_is_noticed(values: np.ndarray[Any, Any], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, values.size - 1))
    other = data.draw(st.floats(width=32))
    changed = values.copy()
    changed.flat[index] = other
    same = values.tobytes() == changed.tobytes() or (
        np.isnan(other) and np.isnan(values.flat[index])
    )

    assert compare("y", values, changed, EXACT).passed == same


def test_json_holds_no_infinities() -> None:
    found = compare("y", close(1), close(np.nan), EXACT).to_dict()

    assert found["severity"] == "inf"
    assert found["shape"] == [1]

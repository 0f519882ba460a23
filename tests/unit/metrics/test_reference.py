"""References and allowed drops."""

import pytest

from graphfix.errors import UsageError
from graphfix.metrics import Figure, Score, Unit, judge, parse_reference


def score(value: float, lower: bool = False, unit: Unit = Unit.FRACTION) -> Score:
    return Score((Figure("acc", value, unit, lower), Figure("other", 0.5)), 10, "images")


@pytest.mark.parametrize(
    ("value", "reference", "allowed", "passed"),
    [
        (0.7903, "0.8003", "0.01", True),
        (0.7902, "0.8003", "0.01", False),
        (0.4906, "0.5006", "0.01", True),
        (0.99, "1", "1%", True),
        (0.9899, "100%", "1%", False),
        (0.396, "0.4", None, True),
        (0.3959, "0.4", None, False),
        (0.9, "0.4", "0", True),
        (float("nan"), "0.4", "0.1", False),
    ],
)
def test_a_drop_is_absolute_or_relative(
    value: float, reference: str, allowed: str | None, passed: bool
) -> None:
    found = judge(score(value), parse_reference(reference, allowed, None))

    assert found.passed is passed


def test_an_error_rate_may_rise() -> None:
    reference = parse_reference("5%", "0.005", None)

    assert judge(score(0.055, lower=True), reference).passed
    assert not judge(score(0.0551, lower=True), reference).passed
    assert judge(score(0.0, lower=True), reference).passed


def test_the_verdict_says_which_kind_of_drop() -> None:
    absolute = judge(score(0.7), parse_reference("0.8003", "0.01", None))
    relative = judge(score(30.0, unit=Unit.DECIBEL), parse_reference("30.2", "1%", None))

    assert str(absolute) == (
        "acc 0.7 FAILS: must be at least 0.7903 (reference 0.8003, allowed drop 0.01, absolute)"
    )
    assert str(relative) == (
        "acc 30 dB passes: must be at least 29.898 dB "
        "(reference 30.2 dB, allowed drop 1 % of it, relative)"
    )


def test_another_figure_can_be_judged() -> None:
    assert judge(score(0), parse_reference("0.5", "0", "other")).passed
    with pytest.raises(UsageError, match="there is no figure 'x'; there are: acc, other"):
        judge(score(0), parse_reference("0.5", "0", "x"))


@pytest.mark.parametrize(
    ("reference", "allowed", "message"),
    [
        ("79.6", None, "reference 79.6: acc is a fraction of 1; write 0.796 or 79.6%"),
        ("0.8", "1", "allowed drop 1 from 0.8: would let everything pass; write 0.01 for"),
        ("0", None, "allowed drop 0.01 from 0: would let everything pass"),
        ("0.8", "-0.1", "--allowed-drop -0.1: may not be negative"),
        ("abc", None, "--reference 'abc': write a number, or one with %"),
        ("nan", None, "--reference 'nan': write a number, or one with %"),
        ("0.8", "inf", "--allowed-drop 'inf': write a number, or one with %"),
    ],
)
def test_what_can_only_be_a_mistake_is_refused(
    reference: str, allowed: str | None, message: str
) -> None:
    with pytest.raises(UsageError) as error:
        judge(score(0.5), parse_reference(reference, allowed, None))
    assert str(error.value).startswith(message)

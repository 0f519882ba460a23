"""Integers that a pass narrows are looked at, even where the outputs do not show it."""

import json
from pathlib import Path

import pytest

from graphfix.contract import InRange
from graphfix.model import from_text, save
from graphfix.verify import Status
from tests.cli_runner import run
from tests.unit.verify.drive import drive, model

PASS = Path(__file__).resolve().parents[2] / "plugin_files" / "narrow_mul.py"
NARROW = "n = Cast <to = 6> (s)\n y = Cast <to = 7> (n)"
CONTRACT = InRange({"n": "s"})


def test_fixed_shapes_are_proven_to_fit() -> None:
    wide, narrow = "s = Shape (x)\n y = Identity (s)", f"s = Shape (x)\n {NARROW}"
    verdict = drive(
        model(wide, out="int64[2] y"), (model(narrow, out="int64[2] y"), CONTRACT)
    ).first
    assert verdict.status is Status.PASSED
    (found,) = verdict.ranges
    assert (found.value, found.dtype, found.proven, found.fits) == ("n", "int32", True, True)
    assert (found.seen_low, found.seen_high, found.derived_low, found.derived_high) == (2, 3, 2, 3)
    assert verdict.reason.startswith("narrowed values that fit: 1, 1 by derived bounds;")


def test_symbolic_sizes_are_only_seen_to_fit() -> None:
    head, out = "float[N,3] x", "int64[2] y"
    wide = model("s = Shape (x)\n y = Identity (s)", head, out)
    verdict = drive(wide, (model(f"s = Shape (x)\n {NARROW}", head, out), CONTRACT)).first
    assert verdict.status is Status.PASSED
    assert not verdict.ranges[0].proven
    assert verdict.ranges[0].derived_high is None
    assert verdict.reason.endswith("1, 0 by derived bounds, 1 only in the numbers seen")


HIDDEN = """s = Shape (x)
 c = Constant <value_int = 3000000000> ()
 {product}
 z = Constant <value_int = 0> ()
 e = Equal (m, z)
 y = Not (e)"""


def test_an_overflow_that_no_output_shows_fails() -> None:
    wide = model(HIDDEN.format(product="m = Mul (s, c)"), out="bool[2] y")
    narrow = model(
        HIDDEN.format(
            product="a = Cast <to = 6> (s)\n b = Cast <to = 6> (c)\n"
            "n = Mul (a, b)\n m = Cast <to = 7> (n)"
        ),
        out="bool[2] y",
    )
    assert drive(wide, (narrow, InRange())).first.status is Status.PASSED
    verdict = drive(wide, (narrow, InRange({"a": "s", "b": "c", "n": "m"}))).first
    assert verdict.status is Status.FAILED
    assert verdict.reason == (
        "'b' was narrowed to int32, but is 3000000000 in one of the runs; 1 more values do not fit"
    )


@pytest.mark.parametrize("names", [{"n": "nothing"}, {"nothing": "s"}])
def test_a_value_that_cannot_be_seen_is_not_verified(names: dict[str, str]) -> None:
    wide, narrow = "s = Shape (x)\n y = Identity (s)", f"s = Shape (x)\n {NARROW}"
    after = (model(narrow, out="int64[2] y"), InRange(names))
    verdict = drive(model(wide, out="int64[2] y"), after).first
    assert verdict.status is Status.NOT_VERIFIED
    assert "is no integer of the main graph that can be seen" in verdict.reason


@pytest.mark.parametrize(("factor", "code"), [(1000, 0), (3_000_000_000, 1)])
@pytest.mark.parametrize("mode", ["region", "full"])
def test_a_pass_that_promises_it_for_each_rewrite(
    tmp_path: Path, factor: int, code: int, mode: str
) -> None:
    text = model(
        f"s = Shape (x)\n c = Constant <value_int = {factor}> ()\n m = Mul (s, c)\n"
        "z = Constant <value_int = 0> ()\n e = Equal (m, z)\n y = Not (e)",
        out="bool[2] y",
    )
    save(from_text(text), tmp_path / "m.onnx")
    result = run(
        "apply", tmp_path / "m.onnx", "--plugin", PASS, "--passes", "narrow-mul",
        "--verify", mode, "--report", tmp_path / "r.json",
    )  # fmt: skip
    assert result.code == code, result.err
    step = json.loads((tmp_path / "r.json").read_text())["steps"][0]
    ranges = {each["value"]: each for each in step["verification"]["ranges"]}
    assert len(ranges) == 3
    assert all(each["fits"] == each["proven"] for each in ranges.values())
    assert all(each["fits"] for each in ranges.values()) == (code == 0)
    if code:
        assert "was narrowed to int32, but is" in result.err

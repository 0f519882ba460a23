"""Every case of every golden file of the dialect."""

from pathlib import Path

import pytest

from tests import dialect_cases

FOLDER = Path(__file__).parent.parent / "golden" / "dialect"
CASES = [case for file in sorted(FOLDER.glob("*.md")) for case in dialect_cases.read(file)]


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])
def test_case(case: dialect_cases.DialectCase, update_golden: bool) -> None:
    found = case.run()
    if update_golden:
        dialect_cases.write(case, found)
    else:
        assert found == case.blocks


def test_both_directions_and_refusals_are_shown() -> None:
    assert {case.raises for case in CASES} == {True, False}
    assert {case.raises for case in CASES if "error" in case.blocks} == {True, False}

"""Every case of every golden file, and that every pass has one."""

import re
from pathlib import Path

import pytest

from tests import golden

FOLDER = Path(__file__).parent.parent / "golden" / "passes"
FILES = sorted(FOLDER.glob("*.md"))
CASES = [case for file in FILES for case in golden.read(file) if not case.bridge]


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])
def test_case(case: golden.Case, update_golden: bool) -> None:
    try:
        golden.run(case, update=update_golden)
    except golden.GoldenError as error:
        pytest.fail(f"{case.file.name}, {case.title!r}: {error}", pytrace=False)


@pytest.mark.parametrize("name", golden.registry().names())
def test_every_pass_has_a_golden_file(name: str) -> None:
    file = golden.file_of(name)
    assert (FOLDER / file).is_file(), f"write golden/passes/{file}"
    if ":" in name:
        cases = golden.read(FOLDER / file)
        assert any(re.match(rf"{name}\b(?!-)", case.pipeline) for case in cases), f"{file}: {name}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_golden_file_is_about_a_pass_and_shows_a_rewrite(file: Path) -> None:
    names = golden.registry().names()
    assert file.name in map(golden.file_of, names), f"there is no pass called {file.stem!r}"
    assert any(case.rewrites for case in golden.read(file)), "no case has an 'after' block"

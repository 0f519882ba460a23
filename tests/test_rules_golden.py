"""Every case of every golden file of a rule, and that every rule has one."""

from pathlib import Path

import pytest

from graphfix.audit import builtin_rules
from tests import rule_cases

FOLDER = Path(__file__).parent.parent / "golden" / "rules"
FILES = sorted(FOLDER.glob("*.md"))
IN_FILES = {"GF138", "GF170", "GF171"}
"""Rules about what ONNX text cannot say; tests/unit/audit/test_file_rules.py has them."""

CASES = [case for file in FILES for case in rule_cases.read(file)]


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])
def test_case(case: rule_cases.RuleCase, update_golden: bool) -> None:
    found = case.run(builtin_rules()[case.file.stem])
    assert not found.broken
    text = rule_cases.as_text(found.findings)
    if update_golden:
        rule_cases.write(case, text)
    else:
        assert text == case.findings


@pytest.mark.parametrize("rule", sorted(set(builtin_rules()) - IN_FILES))
def test_every_rule_speaks_in_one_case_and_is_silent_in_another(rule: str) -> None:
    cases = [case for case in CASES if case.file.stem == rule]
    assert any(case.findings for case in cases), f"golden/rules/{rule}.md shows no finding"
    assert any(not case.findings for case in cases), f"golden/rules/{rule}.md has no silent case"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_golden_file_is_about_a_rule(file: Path) -> None:
    assert file.stem in builtin_rules()
    assert file.read_text(encoding="utf-8").startswith(f"# {file.stem}: ")

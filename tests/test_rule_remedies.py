"""What rules of single operators name as their remedy removes the finding."""

from pathlib import Path

import pytest

from graphfix.audit import audit, builtin_rules
from graphfix.model import from_text, infer_shapes
from graphfix.pipeline import parse
from graphfix.plugins import load_registry
from graphfix.rewrite import PassContext
from graphfix.target import load_profile
from tests import rule_cases

FOLDER = Path(__file__).parent.parent / "golden" / "rules"
CASES = [case for file in sorted(FOLDER.glob("GF3*.md")) for case in rule_cases.read(file)]
REMEDIES = [case for case in CASES if " => " in case.findings]
REGISTRY = load_registry()


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in REMEDIES])
def test_the_remedy_of_a_case_removes_its_finding(case: rule_cases.RuleCase) -> None:
    rule = builtin_rules()[case.file.stem]
    profile = load_profile(case.target, case.cann)
    model = from_text(case.model)
    infer_shapes(model)
    remedies = {finding.remedy for finding in audit(model, profile, [rule]).findings}
    for remedy in sorted(filter(None, remedies)):
        if remedy.partition("{")[0] not in REGISTRY.names():
            pytest.skip(f"there is no pass {remedy} yet")
        for item in parse(remedy, REGISTRY).passes:
            model = item.run(model, PassContext(target=profile)).model
    infer_shapes(model)
    left = audit(model, profile, [rule]).findings
    assert [finding.message for finding in left if finding.remedy] == []

"""The remedies that golden files of rules name, carried out: they remove the finding."""

import pytest

from graphfix.audit import audit, builtin_rules
from graphfix.audit.rules import not_registered
from graphfix.model import from_text, infer_shapes
from graphfix.pipeline import parse
from graphfix.plugins import load_registry
from graphfix.rewrite import PassContext
from graphfix.target import load_profile
from tests import rule_cases
from tests.test_rules_golden import CASES

REGISTRY = load_registry()
STAYS = {
    "GF101-Registered-at-no-opset": "the integers are an output, and the scale is computed",
    "GF101-Newer-and-without-registration-wherever-the-model-goes": "the same",
    "GF121-Arithmetic-on-sizes": "the sizes are open, so that nothing can be folded",
    "GF203-The-size-of-something-else": "the sizes are those of another input",
    "GF206-Linear-by-an-unknown-factor": "the factor is not known, so that equal is not sure",
    "GF270-An-index-is-there-twice": "both updates count, which no scatter without reduction says",
}
"""Cases in which the pass has a reason to leave the node alone."""


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=case.name)
        for case in CASES
        if " => " in case.findings and case.name not in STAYS
    ],
)
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


def test_the_exceptions_are_cases() -> None:
    assert set(STAYS) <= {case.name for case in CASES}


def test_the_passes_for_operators_without_registration_exist() -> None:
    assert set(not_registered._PASS.values()) <= set(REGISTRY.names())

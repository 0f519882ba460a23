"""The remedies that golden files of rules name, carried out: the pass removes such a finding."""

from collections import defaultdict

import pytest

from graphfix.audit import audit, builtin_rules
from graphfix.errors import PipelineError
from graphfix.model import from_text, infer_shapes
from graphfix.pipeline import parse
from graphfix.plugins import load_registry
from graphfix.rewrite import Pass, PassContext
from graphfix.target import load_profile
from tests import rule_cases
from tests.test_rules_golden import CASES


def cases_by_remedy() -> dict[tuple[str, str], list[rule_cases.RuleCase]]:
    """The cases in which a rule names a remedy."""
    found = defaultdict(list)
    for case in CASES:
        for line in case.findings.splitlines():
            _, arrow, rest = line.partition(" => ")
            if arrow:
                found[case.file.stem, rest.partition(" (")[0]].append(case)
    return found


REMEDIES = cases_by_remedy()
NOT_HERE = {
    ("GF121", "fold-shapes"): "the sizes of its case are open, so that nothing can be folded",
    ("GF135", "no-op"): "no-op leaves empty pieces of a Concat alone",
    ("GF343", "prelu-slope"): "only prelu-slope{decompose} changes the form of its case",
}
"""Remedies that do not help in the cases there are; to be taken out when they do."""


def removes(passes: tuple[Pass, ...], remedy: str, case: rule_cases.RuleCase) -> bool:
    """Whether no finding with this remedy is left once it was carried out."""
    profile = load_profile(case.target, case.cann)
    model = from_text(case.model)
    infer_shapes(model)
    for item in passes:
        model = item.run(model, PassContext(profile)).model
    infer_shapes(model)
    left = audit(model, profile, [builtin_rules()[case.file.stem]])
    assert not left.broken
    return all(finding.remedy != remedy for finding in left.findings)


@pytest.mark.parametrize(("rule", "remedy"), [pytest.param(*p, id="-".join(p)) for p in REMEDIES])
def test_a_remedy_removes_the_finding(
    rule: str, remedy: str, request: pytest.FixtureRequest
) -> None:
    """In one case of the golden file; in others the pass may have a reason to leave it alone."""
    if reason := NOT_HERE.get((rule, remedy)):
        request.applymarker(pytest.mark.xfail(reason=reason, strict=False))
    try:
        passes = parse(remedy, load_registry()).passes
    except PipelineError as error:
        pytest.skip(f"there is no such pass yet: {error}")
    assert any(removes(passes, remedy, case) for case in REMEDIES[rule, remedy])

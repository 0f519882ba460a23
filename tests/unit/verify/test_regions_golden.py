"""The same verdicts from rewrite sites as from whole models, on every golden case."""

from pathlib import Path

import pytest

from graphfix.instrumentations import VerifyNumerics
from graphfix.manager import PassManager
from graphfix.pipeline import parse
from graphfix.verify import Mode, RegionVerifier, Status, Verification, Verifier
from tests import golden

FOLDER = Path(__file__).parents[3] / "golden" / "passes"
CASES = [
    case
    for file in sorted(FOLDER.glob("*.md"))
    for case in golden.read(file)
    if not case.error and not case.bridge
]


def verdicts(case: golden.Case, verifier: Verifier) -> list[Verification]:
    numerics = VerifyNumerics(verifier)
    pipeline = parse(case.pipeline, golden.registry())
    outcome = PassManager(pipeline, instrumentations=[numerics]).run(lambda: golden.load(case))
    assert outcome.ok, outcome
    assert numerics.final is not None
    return [*(numerics.steps[k] for k in sorted(numerics.steps)), numerics.final]


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])
def test_regions_agree_with_the_whole_model(case: golden.Case) -> None:
    if not case.rewrites:
        pytest.skip("nothing is rewritten, there are no numbers to compare")
    specs = golden.specs(case)
    full = verdicts(case, Verifier(specs=specs, dims=case.dims))
    region = verdicts(case, RegionVerifier(specs=specs, dims=case.dims))
    assert [each.status for each in region] == [each.status for each in full]
    for each in region[:-1]:
        assert each.mode is Mode.REGION or each.why_full or each.status is Status.NOT_VERIFIED


def test_most_golden_cases_are_judged_by_region() -> None:
    cases = [case for case in CASES if case.rewrites and case.file.stem == "gridsample"]
    found = [
        verdicts(case, RegionVerifier(specs=golden.specs(case), dims=case.dims))[0]
        for case in cases
    ]
    assert sum(each.mode is Mode.REGION for each in found) > len(found) / 2

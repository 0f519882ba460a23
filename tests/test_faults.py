"""A part of the fault corpus that runs in seconds; ``python -m tests.faults`` runs all of it."""

import onnx
import pytest

from graphfix.verify import Mode
from tests.faults.alarms import alarms
from tests.faults.correct import CORRECT
from tests.faults.kinds import KINDS
from tests.faults.models import EXAMPLES, Example
from tests.faults.report import rows, table
from tests.faults.trials import after_of, measure, source_of, trials
from tests.faults.truth import truth_of

QUICK = [example for example in EXAMPLES if example.name in ("control", "opset11")]

OUT_OF_REACH = {"minus-zero-becomes-zero", "sign-of-zero"}
"""Wrong at exact zeros only: feeds have few, and moving them by an ulp is taken for rounding."""


def test_there_are_many_kinds_and_each_has_its_name() -> None:
    names = [kind.name for kind in (*KINDS, *CORRECT)]
    assert len(set(names)) == len(names)
    assert len(KINDS) >= 200
    assert len(CORRECT) >= 35


def test_every_fault_that_shows_is_caught() -> None:
    found = list(trials(QUICK, KINDS, sites=1, mode=Mode.REGION))
    total = rows(found)[-1]
    assert {trial.kind.name for trial in found if trial.missed} <= OUT_OF_REACH, table(found)
    assert total.changed >= 100
    assert total.missed <= 2
    assert total.refused == 0


def test_correct_rewrites_pass() -> None:
    found = list(alarms(QUICK, mode=Mode.REGION, built_in=False))
    assert [alarm for alarm in found if not alarm.verdict.accepted] == []
    assert len(found) >= 14


@pytest.mark.parametrize("example", QUICK, ids=lambda example: example.name)
def test_truth_finds_no_difference_between_a_model_and_itself(example: Example) -> None:
    effect = truth_of(example.name).effect(example.proto(), exact=True)
    assert (effect.severity, effect.share) == (0.0, 0.0)


def test_correct_rewrites_are_correct_for_the_truth_too() -> None:
    for example in QUICK:
        for kind in CORRECT:
            for site in kind.sites(source_of(example)):
                effect = measure(example, kind.make(site), kind.contract)
                assert effect is not None
                assert not effect.changed, (kind.name, example.name, effect)


def test_a_fault_is_committed_at_one_place_only() -> None:
    (example,) = (one for one in EXAMPLES if one.name == "opset11")
    kind = next(kind for kind in KINDS if kind.name == "mul-as-add")
    after = after_of(example, kind.make(kind.sites(source_of(example))[0]))
    assert isinstance(after, onnx.ModelProto)
    before = [node.op_type for node in example.proto().graph.node]
    now = [node.op_type for node in after.graph.node]
    assert sum(a != b for a, b in zip(before, now, strict=True)) == 1

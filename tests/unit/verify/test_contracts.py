"""Contracts that change the interface or replace a stand-in, and pipelines that contain them."""

from functools import partial
from typing import Any

import numpy as np
import pytest

from graphfix.contract import Approximate, Close, Exact, Interface, Replaces, Substitution
from graphfix.errors import PluginError
from graphfix.model import from_text
from graphfix.rewrite import PassResult
from graphfix.verify import Status, Verifier
from tests.unit.verify.drive import Run, drive, model

CHAIN = model("a = Relu (x)\n b = Neg (a)\n y = Abs (b)")


def statuses(run: Run) -> list[Status]:
    return [*(step.status for step in run.steps), run.final.status]


PASSED, FAILED, NOT_VERIFIED = Status.PASSED, Status.FAILED, Status.NOT_VERIFIED


def test_renamed_output_is_compared_with_what_it_was() -> None:
    after = model("a = Relu (x)\n b = Neg (a)\n boxes = Abs (b)", out="float[2,3] boxes")
    wrong = model("a = Relu (x)\n b = Neg (a)\n boxes = Neg (a)", out="float[2,3] boxes")
    contract = Interface(outputs={"boxes": "y"})

    assert statuses(drive(CHAIN, (after, contract))) == [PASSED, PASSED]
    assert statuses(drive(CHAIN, (wrong, contract)))[0] is FAILED


def test_output_may_be_a_value_from_inside_the_model_before() -> None:
    after = model("a = Relu (x)\n b = Neg (a)", out="float[2,3] b")
    shown = model("a = Relu (x)\n cut = Neg (a)", out="float[2,3] cut")
    wrong = model("a = Relu (x)\n cut = Abs (a)", out="float[2,3] cut")
    contract = Interface(outputs={"cut": "b"})

    assert statuses(drive(CHAIN, (after, Interface()))) == [PASSED, PASSED]
    assert statuses(drive(CHAIN, (shown, contract))) == [PASSED, PASSED]
    assert statuses(drive(CHAIN, (wrong, contract)))[0] is FAILED


def test_output_that_stands_for_nothing_fails() -> None:
    after = model("a = Relu (x)\n other = Neg (a)", out="float[2,3] other")

    assert drive(CHAIN, (after, Interface())).first.reason == (
        "output 'other' is said to be 'other' of the model before, which has no such value"
    )


def test_dropped_outputs_leave_the_others_compared() -> None:
    two = model("y = Relu (x)\n z = Neg (x)", out="float[2,3] y, float[2,3] z")
    kept = model("z = Neg (x)", out="float[2,3] z")
    run = drive(two, (kept, Interface()))

    assert statuses(run) == [PASSED, PASSED]
    assert [c.output for c in run.final.comparisons] == ["z"]


def test_renamed_input() -> None:
    after = model("y = Abs (picture)", head="float[2,3] picture")
    before = model("y = Abs (x)")
    wrong = model("y = Neg (picture)", head="float[2,3] picture")
    contract = Interface(inputs={"picture": "x"})

    assert statuses(drive(before, (after, contract), (after, Exact()))) == [PASSED] * 3
    assert statuses(drive(before, (wrong, contract)))[0] is FAILED
    assert drive(before, (after, Interface())).first.reason == (
        "input 'picture' is new, and the contract does not say which input it was"
    )


def test_swapped_inputs_are_caught() -> None:
    before = model("y = Sub (a, b)", head="float[2,3] a, float[2,3] b")
    right = model("y = Sub (p, q)", head="float[2,3] p, float[2,3] q")
    contract = Interface(inputs={"p": "a", "q": "b"})
    swapped = Interface(inputs={"p": "b", "q": "a"})

    assert statuses(drive(before, (right, contract))) == [PASSED, PASSED]
    assert statuses(drive(before, (right, swapped)))[0] is FAILED


def test_narrower_input_is_fed_with_numbers_both_can_hold() -> None:
    before = model("c = Cast <to = 1> (x)\n y = Neg (c)", head="int64[2,3] x")
    after = model("c = Cast <to = 1> (x)\n y = Neg (c)", head="int32[2,3] x")
    wrong = model("c = Cast <to = 1> (x)\n y = Abs (c)", head="int32[2,3] x")

    assert statuses(drive(before, (after, Interface()))) == [PASSED, PASSED]
    assert statuses(drive(before, (wrong, Interface())))[0] is FAILED


def test_bytes_instead_of_floats_spread_over_their_range() -> None:
    before = model("y = Relu (x)")
    after = model("c = Cast <to = 1> (x)\n y = Relu (c)", head="uint8[2,3] x")
    wrong = model("c = Cast <to = 3> (x)\n d = Cast <to = 1> (c)\n y = Relu (d)", "uint8[2,3] x")

    assert statuses(drive(before, (after, Interface()))) == [PASSED, PASSED]
    assert statuses(drive(before, (wrong, Interface())))[0] is FAILED


def test_sizes_fixed_to_ones_that_were_not_tried() -> None:
    before = model("y = Relu (x)", head="float[N,3] x", out="float[N,3] y")
    after = model("y = Relu (x)", head="float[7,3] x", out="float[7,3] y")
    wrong = model("y = Neg (x)", head="float[7,3] x", out="float[7,3] y")

    assert statuses(drive(before, (after, Interface()))) == [PASSED, PASSED]
    assert statuses(drive(before, (wrong, Interface())))[0] is FAILED


def test_sizes_made_dynamic() -> None:
    before = model("y = Relu (x)")
    after = model("y = Relu (x)", head="float[N,3] x", out="float[N,3] y")

    assert statuses(drive(before, (after, Interface()), (after, Close()))) == [PASSED] * 3


def test_dim_made_dynamic_in_name_only() -> None:
    fixed = "s = Constant <value = int64[2] {2, 3}> ()\n r = Reshape (x, s)\n y = Relu (r)"
    after = model(fixed, head="float[N,3] x")

    reason = drive(model(fixed), (after, Interface())).first.reason
    assert reason.startswith("dim 'N' was made dynamic, but the model runs only at 2; at another: ")
    assert "Reshape" in reason, "what stops it is named"


def test_retyped_output() -> None:
    before = model("y = ArgMax <axis = 1> (x)", out="int64[2,1] y")
    after = model("i = ArgMax <axis = 1> (x)\n y = Cast <to = 6> (i)", out="int32[2,1] y")
    half = model("h = Cast <to = 10> (x)\n y = Neg (h)", out="float16[2,3] y")
    cast = Interface(outputs={"y": "y"}, base=Close(rtol=1e-3))

    assert statuses(drive(before, (after, Interface()))) == [PASSED, PASSED]
    assert statuses(drive(model("y = Neg (x)"), (half, Interface()))) == [FAILED, FAILED]
    ranged = drive(model("y = Sigmoid (x)"), (
        model("s = Sigmoid (x)\n y = Cast <to = 10> (s)", out="float16[2,3] y"), cast))  # fmt: skip
    assert statuses(ranged) == [PASSED, PASSED]


def test_later_passes_are_compared_through_the_renaming_with_the_original() -> None:
    renamed = model("k = Constant <value = float {1.00003}> ()\n n = Mul (x, k)\n z = Abs (n)",
                    out="float[2,3] z")  # fmt: skip
    drifted = renamed.replace("1.00003", "1.00006")
    run = drive(
        model("y = Abs (x)"),
        (renamed, Interface(outputs={"z": "y"}, base=Close(rtol=3e-5))),
        (drifted, Close(rtol=3e-5)),
    )

    assert statuses(run) == [PASSED, PASSED, FAILED]


def test_exposed_value_that_earlier_passes_changed_is_not_the_original_one() -> None:
    moved = model("a = Abs (x)\n b = Neg (a)\n y = Relu (x)")  # 'a' now names another value
    shown = model("a = Abs (x)", out="float[2,3] a")
    run = drive(CHAIN, (moved, Close()), (shown, Interface()))

    assert run.steps[0].status is PASSED
    assert run.steps[1].status is PASSED
    assert run.final.status is FAILED


def test_exposed_value_that_the_original_lacks_is_compared_from_there_on() -> None:
    rewritten = model("a = Relu (x)\n fresh = Neg (a)\n y = Abs (fresh)")
    shown = model("a = Relu (x)\n fresh = Neg (a)", out="float[2,3] fresh")
    run = drive(CHAIN, (rewritten, Close()), (shown, Interface()))

    assert statuses(run) == [PASSED, PASSED, PASSED]
    assert "compared in two parts" in run.final.reason


MADE = Interface(
    outputs={"b": "b"},
    derived=(Substitution(("a", "x"), "joined", lambda a, x: a.astype(np.float64) * x),),
)
TWO = "float[2,3] joined, float[2,3] b"


def test_output_that_is_made_of_several_values_before() -> None:
    after = model("a = Relu (x)\n b = Neg (a)\n joined = Mul (a, x)", out=TWO)
    wrong = after.replace("Mul", "Add")
    run = drive(CHAIN, (after, MADE), (after, Exact()))

    assert statuses(run) == [PASSED, PASSED, PASSED]
    assert {c.output for c in run.first.comparisons} == {"joined", "b"}
    assert "before and after the outputs changed" in run.final.reason
    assert drive(CHAIN, (wrong, MADE)).first.reason.startswith("output 'joined'")
    assert statuses(drive(CHAIN, (after, MADE), (wrong, Exact())))[1:] == [FAILED, FAILED]


def test_output_that_is_made_of_what_is_not_there() -> None:
    after = model("a = Relu (x)\n b = Neg (a)\n joined = Mul (a, x)", out=TWO)
    lost = Interface(derived=(Substitution(("c",), "joined", squared),))

    assert drive(CHAIN, (after, lost)).first.reason == (
        "output 'joined' is said to be made of 'c', which is not there"
    )


STAND_IN = model("g = Identity (x)\n p = Add (g, g)\n y = Neg (p)")
"""``p`` should be g squared; the exporter planted a sum."""

TRUE = model("g = Identity (x)\n p = Mul (g, g)\n y = Neg (p)")


def squared(g: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return g.astype(np.float64) ** 2


REPLACES = Replaces((Substitution(("g",), "p", squared),))


def test_replacement_is_compared_with_its_reference_and_the_rest_with_before() -> None:
    run = drive(STAND_IN, (TRUE, REPLACES), (TRUE, Exact()))

    assert statuses(run) == [PASSED, PASSED, PASSED]
    assert {c.output for c in run.first.comparisons} == {"p", "g", "y"}


@pytest.mark.parametrize(
    ("fault", "output"),
    [
        (("Mul (g, g)", "Mul (g, x2)\n x2 = Abs (g)"), "p"),
        (("y = Neg (p)", "y = Abs (p)"), "y"),
        (("g = Identity (x)", "g = Neg (x)"), "g"),
        (("Mul (g, g)", "Sub (g, g)"), "p"),
    ],
)
def test_replacement_that_is_wrong_inside_before_or_after_it(
    fault: tuple[str, str], output: str
) -> None:
    wrong = TRUE.replace("Mul (g, g)\n", "Mul (g, g)\n").replace(*fault)
    if "x2" in wrong:
        wrong = TRUE.replace("p = Mul (g, g)", "x2 = Abs (g)\n p = Mul (g, x2)")
    run = drive(STAND_IN, (wrong, REPLACES))

    assert run.first.status is FAILED
    assert f"output {output!r}" in run.first.reason
    assert run.failing[0] is not None


def test_replacement_at_a_graph_output() -> None:
    before = model("p = Add (x, x)", out="float[2,3] p")
    after = model("p = Mul (x, x)", out="float[2,3] p")
    contract = Replaces((Substitution(("x",), "p", squared),))

    assert statuses(drive(before, (after, contract))) == [PASSED, PASSED]


FOREIGN = STAND_IN.replace("Add (g, g)", "far.Square (g)").replace('"" : 17', '"" : 17, "far" : 1')
"""``p`` is made by an operator that onnxruntime does not have."""


def test_replacement_of_what_no_runtime_knows() -> None:
    run = drive(FOREIGN, (TRUE, REPLACES), (TRUE, Exact()))

    assert statuses(run) == [PASSED, PASSED, PASSED]
    assert {c.output for c in run.first.comparisons} == {"p", "g", "y"}
    assert "the whole is compared from the replacement on: onnxruntime cannot" in run.final.reason


@pytest.mark.parametrize(
    ("right", "fault", "output"),
    [("Neg (p)", "Abs (p)", "y"), ("Identity (x)", "Neg (x)", "g"), ("Mul (g", "Sub (g", "p")],
)
def test_replacement_of_what_no_runtime_knows_that_is_wrong(
    right: str, fault: str, output: str
) -> None:
    run = drive(FOREIGN, (TRUE.replace(right, fault), REPLACES))

    assert statuses(run) == [FAILED, NOT_VERIFIED]
    assert f"output {output!r}" in run.first.reason
    assert run.failing[0] is not None


def test_pass_after_a_replacement_of_what_no_runtime_knows() -> None:
    wrong = TRUE.replace("y = Neg (p)", "y = Abs (p)")

    assert statuses(drive(FOREIGN, (TRUE, REPLACES), wrong)) == [PASSED, FAILED, FAILED]


def test_what_stays_unknown_after_a_replacement() -> None:
    before = FOREIGN.replace("y = Neg (p)", "y = far.Other (p)")
    after = before.replace("far.Square (g)", "Mul (g, g)")

    run = drive(before, (after, REPLACES))
    assert statuses(run) == [NOT_VERIFIED, NOT_VERIFIED]
    assert "far:Other" in run.first.reason
    assert run.first.reason.endswith(" (the model after the replacement)")


def test_pass_before_a_replacement_of_what_no_runtime_knows() -> None:
    run = drive(FOREIGN, FOREIGN, (TRUE, REPLACES))

    assert statuses(run) == [NOT_VERIFIED, PASSED, NOT_VERIFIED]
    assert run.final.reason.startswith("a pass before the replacement is not verified: onnxr")


def test_two_replacements_in_a_row() -> None:
    before = model("p = Add (x, x)\n q = Neg (p)\n r = Add (q, q)\n y = Abs (r)")
    after = model("p = Mul (x, x)\n q = Neg (p)\n r = Mul (q, q)\n y = Abs (r)")
    contract = Replaces((Substitution(("x",), "p", squared), Substitution(("q",), "r", squared)))

    assert statuses(drive(before, (after, contract))) == [PASSED, PASSED]
    wrong = after.replace("q = Neg (p)", "q = Abs (p)")
    assert statuses(drive(before, (wrong, contract)))[0] is FAILED


def test_replacement_names_that_are_not_there() -> None:
    lost = Replaces((Substitution(("g",), "nowhere", squared),))
    unseen = model("h = Identity (x)\n p = Mul (h, h)\n y = Neg (p)")
    reads = Replaces((Substitution(("h",), "p", squared),))

    assert drive(STAND_IN, (TRUE, lost)).first.reason == (
        "the model after has no value 'nowhere' to check"
    )
    run = drive(STAND_IN, (unseen, reads))
    assert statuses(run) == [NOT_VERIFIED, NOT_VERIFIED]
    assert "the replacement reads 'h', which the model before does not have" in run.first.reason


def test_reference_that_crashes_is_a_fault_of_its_plugin() -> None:
    def broken(g: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        raise KeyError("grid")

    with pytest.raises(PluginError, match="the reference of the replacement at 'p' fails: KeyErr"):
        drive(STAND_IN, (TRUE, Replaces((Substitution(("g",), "p", broken),))))


def test_a_replacement_splits_the_pipeline() -> None:
    drift = STAND_IN.replace("y = Neg (p)", "k = Constant <value = float {-1.00003}> ()\n"
                             " y = Mul (p, k)")  # fmt: skip
    drifted = drift.replace("1.00003", "1.00006")
    true = drifted.replace("Add (g, g)", "Mul (g, g)")
    after = true.replace("1.00006", "1.00009")
    loose = Close(rtol=3e-5)
    run = drive(STAND_IN, (drift, loose), (drifted, loose), (true, REPLACES), (after, loose))

    assert [step.status for step in run.steps] == [PASSED] * 4
    assert run.final.status is FAILED  # the part before the replacement has drifted too far
    assert statuses(drive(drifted, (true, REPLACES), (after, loose))) == [PASSED] * 3


def test_undo_goes_back_to_the_model_before() -> None:
    near, off = model("y = Abs (x)"), model("k = Constant <value = float {0}> ()\n y = Mul (x, k)")
    verifier = Verifier()
    verifier.start(from_text(near))
    before = partial(from_text, near)
    accepted = verifier.check(PassResult(from_text(off), Approximate(-1.0)), before=before)
    verifier.undo()
    again = verifier.check(PassResult(from_text(near), Exact()), before=before)

    assert accepted.status is PASSED
    assert again.status is PASSED
    assert verifier.finish(from_text(near)).contract == "exact"


def test_failed_check_leaves_the_model_before_as_the_one_to_compare_with() -> None:
    right, wrong = model("y = Abs (x)"), model("y = Neg (x)")
    verifier = Verifier()
    verifier.start(from_text(right))
    for after, status in ((wrong, FAILED), (right, PASSED), (wrong, FAILED), (right, PASSED)):
        result = PassResult(from_text(after), Exact())
        assert verifier.check(result, before=partial(from_text, right)).status is status


def test_the_model_checked_last_is_not_run_again() -> None:
    text = model("y = Abs (x)")
    verifier = Verifier()
    verifier.start(from_text(text))
    last = from_text(text)
    verifier.check(PassResult(last, Exact()), before=partial(from_text, text))

    assert verifier.finish(last).status is PASSED
    assert verifier.finish(from_text(model("y = Neg (x)"))).status is FAILED
    assert verifier.failing_feeds is not None

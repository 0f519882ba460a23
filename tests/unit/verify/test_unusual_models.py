"""Models that are hard to verify: random, constant, unrunnable, without shapes or inputs."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from graphfix.contract import Close, Exact
from graphfix.errors import UsageError
from graphfix.model import from_text
from graphfix.rewrite import PassResult
from graphfix.spec import InputSpec
from graphfix.verify import Status, Verifier
from tests.unit.verify.drive import drive, model

PASSED, FAILED, NOT_VERIFIED = Status.PASSED, Status.FAILED, Status.NOT_VERIFIED


def test_random_output_is_not_verified_and_the_others_are() -> None:
    text = model("n = RandomNormalLike (x)\n z = Add (x, n)\n y = Relu (x)",
                 out="float[2,3] y, float[2,3] z")  # fmt: skip
    run = drive(text, text)

    assert run.first.status is NOT_VERIFIED
    assert run.first.reason == "output 'z' differs between two runs of the same model"
    assert [c.output for c in run.first.comparisons] == ["y"]
    assert run.final.status is NOT_VERIFIED
    wrong = text.replace("y = Relu", "y = Neg")
    assert drive(text, wrong).first.status is FAILED


def test_model_that_onnxruntime_does_not_know_is_not_verified() -> None:
    text = """<ir_version: 8, opset_import: ["" : 17, "vendor" : 1]>
    main (float[2,3] x) => (float[2,3] y) { y = vendor.Magic (x) }"""
    run = drive(text, text)

    assert run.first.status is run.final.status is NOT_VERIFIED
    assert run.first.reason.startswith("onnxruntime cannot load the model: ")
    assert run.first.comparisons == ()
    assert run.first.max_abs is None


def test_model_after_without_kernel_is_not_verified_and_the_next_pass_is_compared_across() -> None:
    before = model("y = Neg (x)", "int64[2,3] x", "int64[2,3] y")
    missing = model("c = Cast <to = 16> (x)\n d = Neg (c)\n y = Cast <to = 7> (d)",
                    "int64[2,3] x", "int64[2,3] y")  # fmt: skip
    wrong = before.replace("Neg", "Abs")

    run = drive(before, missing, before)
    assert [step.status for step in run.steps] == [NOT_VERIFIED, PASSED]
    assert run.steps[0].reason.startswith("onnxruntime lacks a kernel for the model after: ")
    assert run.final.status is PASSED
    assert drive(before, missing, wrong).steps[1].status is FAILED


def test_model_without_inputs() -> None:
    text = "c = Constant <value = float[2,3] {1,2,3,4,5,6}> ()\n y = Exp (c)"
    right, wrong = model(text, head=""), model(text.replace("6}", "7}"), head="")

    assert drive(right, (right, Exact())).final.status is PASSED
    assert drive(right, wrong).first.status is FAILED


def test_model_without_shapes_asks_for_one_and_takes_it() -> None:
    text = '<ir_version: 8, opset_import: ["" : 17]> main (float x) => (float y) { y = Relu (x) }'
    proto = from_text(text)
    proto.graph.inputs[0].shape = None
    proto.graph.outputs[0].shape = None
    asked, given = Verifier(), Verifier(shapes=["x:2,3", "x:5,6"])
    result = PassResult(proto, Close())
    for verifier in (asked, given):
        verifier.start(proto)

    assert asked.check(result, before=partial(from_text, text)).reason == (
        "input 'x' has no shape; give one with --shape x:..."
    )
    verdict = given.check(result, before=partial(from_text, text))
    assert verdict.status is PASSED
    assert len(verdict.bindings) == 2


def test_optional_inputs_and_strings_and_sequences() -> None:
    clip = model("top = Constant <value = float {1}> ()\n y = Clip (x, , top)")
    assert drive(clip, (clip, Exact())).final.status is PASSED

    words = model('k = Constant <value = string[1] {"s"}> ()\n y = StringConcat (x, k)',
                  "string[4] x", "string[4] y", opset=20)  # fmt: skip
    assert drive(words, (words, Exact())).final.status is PASSED
    assert drive(words, words.replace("(x, k)", "(k, x)")).first.status is FAILED

    split = '<ir_version: 8, opset_import: ["" : 17]> main (float[4,3] x) => (seq(float[n,3]) y) '
    split += "{ y = SplitToSequence <axis = 0> (x) }"
    assert drive(split, (split, Exact())).final.status is PASSED
    assert drive(split, split.replace("axis = 0", "axis = 1")).first.status is FAILED


def test_values_inside_branches_and_loops() -> None:
    text = """<ir_version: 8, opset_import: ["" : 17]>
    main (bool c, float[2,3] x) => (float[2,3] y) {
      k = Neg (x)
      y = If <then_branch = yes () => (float[2,3] t) { t = Abs (k) },
              else_branch = no () => (float[2,3] e) { e = Relu (k) }> (c)
    }"""

    assert drive(text, (text, Exact())).final.status is PASSED
    assert drive(text, text.replace("e = Relu (k)", "e = Abs (k)")).first.status is FAILED
    assert drive(text, text.replace("t = Abs (k)", "t = Neg (k)")).first.status is FAILED


def test_output_that_never_moves_is_weak_evidence() -> None:
    dead = model("z = Constant <value = float {-1e9}> ()\n s = Add (x, z)\n y = Relu (s)")
    verdict = drive(dead, dead).final

    assert verdict.status is PASSED
    assert verdict.reason == "weak evidence: output 'y' is zero in every run"


def test_other_feeds_are_tried_before_evidence_is_called_weak() -> None:
    text = model("t = Constant <value = float {400}> ()\n s = Sub (x, t)\n y = Relu (s)")
    verdict = drive(text, text).final

    assert verdict.reason == ""
    assert any(" wide " in label for label in verdict.feeds)


def test_dim_that_runs_at_one_size_is_said() -> None:
    text = """<ir_version: 8, opset_import: ["" : 17]>
    main (float[N,3] x) => (float[1,3] y)
    { s = Constant <value = int64[2] {1, 3}> ()\n r = Reshape (x, s)\n y = Relu (r) }"""

    assert drive(text, text).final.reason == "dim N runs only at 1"


def test_pinned_shape_that_does_not_run_is_not_verified() -> None:
    text = model("s = Constant <value = int64[2] {1, 3}> ()\n r = Reshape (x, s)\n y = Relu (r)",
                 "float[N,3] x", "float[1,3] y")  # fmt: skip

    assert drive(text, text, shapes=["x:2,3"]).final.status is NOT_VERIFIED
    with pytest.raises(UsageError, match="there is no input 'z' to give a shape; inputs: x"):
        drive(text, text, shapes=["z:2,3"])


def test_ill_conditioned_output_says_nothing_where_noise_rules(tmp_path: Path) -> None:
    # the sine of numbers around 1e13, where neighbouring float32 lie 1e6 apart
    head, big = "k = Constant <value = float {1e6}> ()\n", ("float[20,30] x", "float[20,30] y")
    before = model(head + "s = Mul (x, k)\n q = Mul (s, s)\n y = Sin (q)", *big)
    after = model(head + "m = Mul (x, x)\n r = Mul (m, k)\n q = Mul (r, k)\n y = Sin (q)", *big)
    rng = np.random.default_rng(0)
    np.save(tmp_path / "x.npy", rng.uniform(1, 8, (20, 30)).astype(np.float32))
    verdict = drive(before, after, data=tmp_path / "x.npy").first

    assert verdict.status is NOT_VERIFIED
    assert verdict.reason == "rounding alone changes 'y' too much to compare, on all feeds"
    assert drive(before, after).first.status is NOT_VERIFIED


def test_moderately_ill_conditioned_output_is_compared_with_its_noise() -> None:
    head = "k = Constant <value = float {1000}> ()\n s = Mul (x, k)\n"
    before = model(head + "y = Sin (s)", "float[20,30] x", "float[20,30] y")
    after = model(head + "h = Constant <value = float {1.5707964}> ()\n t = Sub (h, s)\n"
                  "y = Cos (t)", "float[20,30] x", "float[20,30] y")  # fmt: skip
    off = before.replace("Sin (s)", "Sin (w)").replace(
        "y =", "d = Constant <value = float {0.02}> ()\n w = Add (s, d)\n y ="
    )
    specs = [InputSpec("x", low=-1, high=1)]

    assert drive(before, after, specs=specs).first.status is PASSED
    assert drive(before, after, specs=specs, rtol=1e-6).first.status is FAILED
    assert drive(before, off, specs=specs).first.status is FAILED


def test_unstable_integers_are_left_aside_only_when_few() -> None:
    head = "float[40,50] x"
    before = model("k = Constant <value = float {1e5}> ()\n s = Mul (x, k)\n r = Round (s)\n"
                   "y = Cast <to = 7> (r)", head, "int64[40,50] y")  # fmt: skip
    after = before.replace("s = Mul (x, k)", "h = Constant <value = float {1e-5}> ()\n"
                           "s = Div (x, h)")  # fmt: skip
    wrong = before.replace("Round", "Floor")
    specs = [InputSpec("x", low=-1, high=1)]

    assert drive(before, after, specs=specs).first.status is not FAILED
    assert drive(before, wrong, specs=specs).first.status is FAILED


def test_json_of_a_verdict() -> None:
    text = model("y = Relu (x)")
    found = drive(text, (text, Exact())).first.to_dict()

    assert found["status"] == "passed"
    assert found["contract"] == "exact"
    assert found["max_abs"] == 0
    assert found["feeds"][0] == "x:2,3 normal seed=0"
    assert np.isfinite(found["seconds"])

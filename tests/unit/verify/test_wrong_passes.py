"""Passes that are wrong on purpose are caught; passes that only reorder are not."""

import pytest

from graphfix.contract import Approximate, Close, Exact, InRange
from graphfix.verify import Status
from tests.unit.verify.drive import drive, model

NETWORK = """
<ir_version: 8, opset_import: ["" : 17]>
main (float[N,2,H,W] x) => (float[N,3,H,W] y, float[N,3] pooled)
<float[3,2,3,3] w = {
   0.1,-0.2,0.3,0.4,-0.5,0.6,0.7,0.8,-0.9, 0.2,0.1,-0.3,0.3,0.2,-0.1,0.5,-0.4,0.3,
  -0.3,0.2,0.1,0.4,-0.6,0.2,0.1,0.3,-0.7, 0.6,-0.1,0.2,0.5,0.4,-0.3,0.2,0.1,0.8,
   0.3,-0.2,0.5,0.1,0.7,-0.4,0.2,0.6,-0.1, -0.5,0.3,0.2,-0.2,0.4,0.6,-0.3,0.1,0.2},
 float[3] b = {0.5,-0.25,0.125}, float one = {1}, int64[1] k0 = {0}, int64[1] k1 = {1}>
{
   [conv] c = Conv <pads = [1, 1, 1, 1]> (x, w, b)
   [act] y = Relu (c)
   [pool] p = GlobalAveragePool (y)
   [flat] pooled = Flatten (p)
}
"""

SIZES = {"N": (1, 3), "H": (9, 8), "W": (12, 7)}

WRONG = {
    "a weight off by a thousandth": ("b = {0.5,", "b = {0.5005,"),
    "the bias lost": ("(x, w, b)", "(x, w)"),
    "pads on the wrong sides": ("pads = [1, 1, 1, 1]", "pads = [0, 0, 2, 2]"),
    "Relu dropped": ("Relu (c)", "Identity (c)"),
    "Relu that leaks": ("Relu (c)", "LeakyRelu <alpha = 0.001> (c)"),
    "tiny numbers cut off": ("Relu (c)", "ThresholdedRelu <alpha = 0.05> (c)"),
    "large numbers cut off": (
        "y = Relu (c)",
        (
            "top = Constant <value = float {50}> ()\n zero = Constant <value = float {0}> ()\n"
            "y = Clip (c, zero, top)"
        ),
    ),
    "wrong for a batch above one": (
        "[conv] c = Conv <pads = [1, 1, 1, 1]> (x, w, b)",
        (
            "d = Conv <pads = [1, 1, 1, 1]> (x, w, b)\n first = Slice (d, k0, k1, k0)\n"
            "s = Shape (d)\n c = Expand (first, s)"
        ),
    ),
    "batch fixed to one": (
        "[conv] c = Conv <pads = [1, 1, 1, 1]> (x, w, b)",
        (
            "d = Conv <pads = [1, 1, 1, 1]> (x, w, b)\n"
            "s = Constant <value = int64[4] {1,3,9,12}> ()\n c = Reshape (d, s)"
        ),
    ),
    "another pooling": ("GlobalAveragePool", "GlobalMaxPool"),
    "rounded to half precision": (
        "y = Relu (c)",
        "h = Cast <to = 10> (c)\n r = Relu (h)\n y = Cast <to = 1> (r)",
    ),
}


@pytest.mark.parametrize("fault", WRONG)
def test_fault_is_caught(fault: str) -> None:
    run = drive(NETWORK, NETWORK.replace(*WRONG[fault]), dims=SIZES)

    assert NETWORK.replace(*WRONG[fault]) != NETWORK
    assert run.first.status is Status.FAILED
    assert run.failing[0] is not None


def test_failure_names_output_numbers_and_the_node_that_makes_the_difference() -> None:
    run = drive(NETWORK, NETWORK.replace("b = {0.5,", "b = {0.75,"), dims=SIZES)

    assert run.first.reason.startswith("output 'y': max |diff| 0.25 at flat index ")
    assert run.first.first_diverging.startswith("output 'c': max |diff| 0.25 at flat index ")
    assert run.first.first_diverging.endswith("(made by Conv 'conv')")


CORRECT = {
    "nothing changed": ("one = {1}", "one = {1}"),
    "a bias added afterwards": (
        "[conv] c = Conv <pads = [1, 1, 1, 1]> (x, w, b)",
        (
            "d = Conv <pads = [1, 1, 1, 1]> (x, w)\n"
            "bias = Constant <value = float[3,1,1] {0.5,-0.25,0.125}> ()\n c = Add (d, bias)"
        ),
    ),
    "the sum in another order": (
        "p = GlobalAveragePool (y)",
        (
            "rows = ReduceMean <axes = [2], keepdims = 1> (y)\n"
            "p = ReduceMean <axes = [3], keepdims = 1> (rows)"
        ),
    ),
    "scaled up and down again": (
        "[conv] c = Conv <pads = [1, 1, 1, 1]> (x, w, b)",
        (
            "three = Constant <value = float {3}> ()\n x3 = Mul (x, three)\n"
            "d = Conv <pads = [1, 1, 1, 1]> (x3, w)\n e = Div (d, three)\n"
            "bias = Constant <value = float[3,1,1] {0.5,-0.25,0.125}> ()\n c = Add (e, bias)"
        ),
    ),
    "moved in and out of another layout": (
        "y = Relu (c)",
        "t = Transpose <perm = [0,2,3,1]> (c)\n r = Relu (t)\ny = Transpose <perm = [0,3,1,2]> (r)",
    ),
}


@pytest.mark.parametrize("rewrite", CORRECT)
def test_correct_rewrite_is_accepted(rewrite: str) -> None:
    run = drive(NETWORK, NETWORK.replace(*CORRECT[rewrite]), dims=SIZES)

    assert run.first.status is Status.PASSED, run.first.reason
    assert run.final.status is Status.PASSED, run.final.reason
    assert run.first.bindings == ("N=1 H=9 W=12", "N=3 H=8 W=7")


def test_outputs_dropped_added_or_swapped_without_saying_so_fail() -> None:
    text = model("y = Relu (x)\n z = Neg (x)", out="float[2,3] y, float[2,3] z")
    dropped = model("y = Relu (x)")
    swapped = model("y = Relu (x)\n z = Neg (x)", out="float[2,3] z, float[2,3] y")

    assert drive(text, dropped).first.reason == (
        "the outputs are 'y', before they were 'y', 'z'; "
        "only a pass whose contract is Interface may change them"
    )
    assert drive(dropped, text).first.status is Status.FAILED
    assert drive(text, swapped).first.status is Status.FAILED


def test_inputs_dropped_or_added_without_saying_so_fail() -> None:
    two = model("y = Add (x, z)", head="float[2,3] x, float[2,3] z")
    one = model("y = Add (x, x)")

    assert drive(two, one).first.reason == (
        "input 'z' is gone; only a pass whose contract is Interface may do it"
    )
    assert drive(one, two).first.reason == (
        "input 'z' is new; only a pass whose contract is Interface may do it"
    )


def test_another_dtype_fails() -> None:
    before = model("y = Relu (x)")
    after = model("h = Relu (x)\n y = Cast <to = 11> (h)", out="double[2,3] y")

    assert "dtype float64 after, float32 before" in drive(before, after).first.reason


def test_another_shape_fails() -> None:
    after = model("y = Flatten <axis = 0> (x)", out="float[1,6] y")

    assert "shape [1,6] after, [2,3] before" in drive(model("y = Relu (x)"), after).first.reason


def test_nan_in_another_place_fails() -> None:
    before = model("y = Log (x)")
    after = model("a = Abs (x)\n y = Log (a)")

    assert "NaN or infinities out of place" in drive(before, after).first.reason


def test_nan_and_infinity_in_place_pass() -> None:
    before = model("zero = Constant <value = float {0}> ()\n y = Div (x, zero)")
    after = model(
        "zero = Constant <value = float {0}> ()\n one = Constant <value = float {1}> ()\n"
        "r = Div (one, zero)\n y = Mul (x, r)"
    )

    assert drive(before, after).first.status is Status.PASSED


def test_overflow_of_a_narrower_integer_is_caught_under_exact_and_allowed_in_range() -> None:
    before = model("y = Add (x, x)", head="int64[2,3] x", out="int64[2,3] y")
    after = model(
        "n = Cast <to = 6> (x)\n s = Add (n, n)\n y = Cast <to = 7> (s)",
        head="int64[2,3] x",
        out="int64[2,3] y",
    )

    assert drive(before, (after, Exact())).first.status is Status.FAILED
    assert drive(before, after).first.status is Status.FAILED
    assert drive(before, (after, InRange())).first.status is Status.PASSED


def test_wrong_integers_fail_under_every_contract_but_a_cosine() -> None:
    before = model("y = ArgMax <axis = 1, keepdims = 0> (x)", out="int64[2] y")
    after = model("y = ArgMin <axis = 1, keepdims = 0> (x)", out="int64[2] y")

    for contract in (Exact(), InRange(), Close(rtol=10, atol=10)):
        assert drive(before, (after, contract)).first.status is Status.FAILED


def test_model_that_does_not_load_after_the_pass_has_failed() -> None:
    run = drive(model("y = Relu (x)"), model("y = MatMul (x, x)"))

    assert run.first.status is Status.FAILED
    assert run.first.reason.startswith("onnxruntime ran the model before, but not the one after: ")


def test_exact_notices_one_ulp_and_the_sign_of_zero() -> None:
    before = model("y = Neg (x)")
    ulp = model("k = Constant <value = float {-1.0000001}> ()\n y = Mul (x, k)")
    sign = model("k = Constant <value = float {0}> ()\n y = Sub (k, x)")
    same = model("k = Constant <value = float {-1}> ()\n y = Mul (x, k)")

    assert drive(before, (ulp, Exact())).first.status is Status.FAILED
    assert drive(before, (sign, Exact())).first.status is Status.FAILED
    assert drive(before, (sign, Close())).first.status is Status.PASSED
    assert drive(before, (same, Exact())).first.status is Status.PASSED


def test_drift_of_many_passes_is_seen_at_the_end() -> None:
    def scaled(factor: float) -> str:
        return model(f"k = Constant <value = float {{{factor}}}> ()\n y = Mul (x, k)")

    states = [scaled(1 + k * 2e-5) for k in range(6)]
    run = drive(states[0], *((state, Close(rtol=3e-5)) for state in states[1:]))

    assert [step.status for step in run.steps] == [Status.PASSED] * 5
    assert run.final.status is Status.FAILED
    assert run.final.contract == "close(rtol=3e-05)"


def test_approximate_measures_the_cosine_of_each_output() -> None:
    before = model("y = Relu (x)\n z = Relu (x)", out="float[2,3] y, float[2,3] z")
    near = model("y = Relu (x)\n z = Softplus (x)", out="float[2,3] y, float[2,3] z")
    far = model("y = Relu (x)\n z = Neg (x)", out="float[2,3] y, float[2,3] z")

    assert drive(before, (far, Approximate(0.9))).first.reason.startswith("output 'z': cosine -")
    passed = drive(model("y = Sigmoid (x)"), (model("y = HardSigmoid (x)"), Approximate(0.9)))
    assert passed.first.status is Status.PASSED
    assert passed.final.contract == "approximate(cosine>=0.9)"
    assert drive(before, (near, Approximate(0.9999))).first.status is Status.FAILED


def test_user_tolerances_only_tighten() -> None:
    before = model("y = Identity (x)")
    after = model("k = Constant <value = float {1.00001}> ()\n y = Mul (x, k)")

    assert drive(before, (after, Close(rtol=1e-4))).first.status is Status.PASSED
    assert drive(before, (after, Close(rtol=1e-4)), rtol=1e-6).first.status is Status.FAILED
    assert drive(before, (after, Close(rtol=1e-4)), atol=1e-9).first.status is Status.PASSED
    loose = drive(before, (after, Close(rtol=1e-6)), rtol=1e-2, atol=1.0)
    assert loose.first.status is Status.FAILED


def test_half_precision_that_overflows_is_noticed() -> None:
    head, out = "float16[4] x", "float16[4] y"
    before = model("t = Add (x, x)\n y = Sub (t, x)", head, out)
    after = model(
        "k = Constant <value = float16 {28672}> ()\n"  # the bits of 8192
        "b = Mul (x, k)\n y = Div (b, k)",
        head,
        out,
    )

    assert drive(before, after).first.reason.startswith("output 'y': ")
    assert "inf where before has " in drive(before, after).first.reason

"""What the feeds hold: signed, seeded, bounded where the graph bounds them."""

import numpy as np
import pytest

from graphfix.model import from_text
from graphfix.spec import Binding, InputSpec, bindings
from graphfix.verify import make_feed, model_inputs
from graphfix.verify.dtypes import numpy_dtype
from graphfix.verify.feeds import EXTRA_VARIANTS, VARIANTS, FeedSet, is_constant, plan
from tests.unit.verify.drive import model


def feed(text: str, variant: str = "normal", seed: int = 0, **sizes: int) -> FeedSet:
    inputs = model_inputs(from_text(text))
    given = {name: (size,) for name, size in sizes.items()}
    return make_feed(inputs, bindings([i.spec for i in inputs], dims=given)[0], variant, seed)


def test_ordinary_floats_have_both_signs_and_unit_variance() -> None:
    x = feed(model("y = Relu (x)", "float[100,100] x")).feed["x"]

    assert x.dtype == np.float32
    assert abs(float(x.mean())) < 0.05
    assert abs(float(x.std()) - 1) < 0.05


def test_variants_differ_in_magnitude() -> None:
    text = model("y = Relu (x)", "float[50,50] x")
    sizes = {v: float(np.abs(feed(text, v).feed["x"]).max()) for v in VARIANTS}

    assert sizes["zeros"] == 0
    assert sizes["ones"] == 1
    assert sizes["small"] < 0.01 < sizes["normal"] < 10 < sizes["large"]
    assert (feed(text, "uniform").feed["x"] >= 0).all()
    assert (feed(text, "positive").feed["x"] >= 0.5).all()
    assert sizes["normal"] < sizes["wide"]


def test_feeds_repeat_for_a_seed_and_do_not_depend_on_other_inputs() -> None:
    one = model("y = Relu (x)", "float[4] x")
    two = model("y = Add (x, z)", "float[4] z, float[4] x")

    assert np.array_equal(feed(one).feed["x"], feed(one).feed["x"])
    assert np.array_equal(feed(one).feed["x"], feed(two).feed["x"])
    assert not np.array_equal(feed(one).feed["x"], feed(one, seed=1).feed["x"])
    assert not np.array_equal(feed(two).feed["x"], feed(two).feed["z"])


@pytest.mark.parametrize(
    ("body", "head", "name", "low", "high"),
    [
        ("y = Gather (t, i)", "float[5,2] t, int64[40] i", "i", 0, 4),
        ("y = Gather <axis = 1> (t, i)", "float[5,2] t, int64[40] i", "i", 0, 1),
        (
            "c = Cast <to = 7> (i)\n u = Unsqueeze (c, a)\n y = Gather (t, u)",
            "float[5,2] t, int32[40] i, int64[1] a",
            "i",
            0,
            4,
        ),
        ("c = Cast <to = 7> (i)\n y = Gather (t, c)", "float[5,2] t, float[40] i", "i", 0, 4),
        ("y = GatherElements <axis = 1> (t, i)", "float[3,6] t, int64[3,40] i", "i", 0, 5),
        ("y = GatherND (t, i)", "float[3,6] t, int64[40,2] i", "i", 0, 2),
        ("y = OneHot (i, d, v)", "int64[40] i, int64 d, float[2] v", "d", 2, 8),
        (
            "d = Constant <value = int64 {3}> ()\n y = OneHot (i, d, v)",
            "int64[40] i, float[2] v",
            "i",
            0,
            2,
        ),
        ("v, y = TopK (x, k)", "float[2,6] x, int64[1] k", "k", 1, 6),
        ("y = ReverseSequence (x, n)", "float[7,4] x, int64[4] n", "n", 1, 7),
        ("y = Tile (x, r)", "float[2,3] x, int64[2] r", "r", 1, 3),
        ("y = ConstantOfShape (s)", "int64[2] s", "s", 1, 4),
        ("e = Mul (s, s)\n y = ConstantOfShape (e)", "int64[2] s", "s", 1, 4),
        ("c = Cast <to = 1> (attention_mask)\n y = Mul (c, c)", "int64[90] attention_mask",
         "attention_mask", 0, 1),
        ("y = Div (x, d)", "int32[9] x, int32[9] d", "d", 1, 9),
    ],
)  # fmt: skip
def test_integers_are_bounded_by_what_reads_them(
    body: str, head: str, name: str, low: int, high: int
) -> None:
    text = model(body, head, "float[a] y")
    seen = np.concatenate(
        [feed(text, variant, seed).feed[name].reshape(-1) for variant in ("normal", "large")
         for seed in range(20)]
    )  # fmt: skip

    assert low <= seen.min()
    assert seen.max() <= high
    assert (seen == np.rint(seen)).all()


def test_lengths_follow_the_dim_they_count() -> None:
    body = "h, y = GRU <hidden_size = 2> (x, w, r, , n)"
    head = "float[T,4,3] x, float[1,6,3] w, float[1,6,2] r, int32[4] n"

    for size in (3, 9):
        lengths = np.concatenate(
            [feed(model(body, head), seed=s, T=size).feed["n"] for s in range(20)]
        )
        assert lengths.min() >= 1
        assert lengths.max() == size


def test_the_shape_input_of_a_reshape_gets_the_shape_of_its_output() -> None:
    text = '<ir_version: 8, opset_import: ["" : 17]> main (float[2,3] x, int64[2] s) => '
    text += "(float[3,2] y) { y = Reshape (x, s) }"

    assert feed(text).feed["s"].tolist() == [3, 2]


def test_indices_inside_a_function_are_bounded_too() -> None:
    text = """<ir_version: 8, opset_import: ["" : 17, "local" : 1]>
    main (float[5,2] t, int64[40] i) => (float[40,2] y) { y = local.pick (t, i) }
    <domain: "local", opset_import: ["" : 17]> pick (table, index) => (r)
    { r = Gather (table, index) }"""

    assert feed(text).feed["i"].max() <= 4
    assert feed(text).feed["i"].min() >= 0


def test_free_integers_are_small_and_signed_and_extreme_once() -> None:
    text = model("y = Add (x, x)", "int64[50] x")
    ordinary, extreme = feed(text), feed(text, "large")

    assert ordinary.feed["x"].min() < 0 < ordinary.feed["x"].max() <= 8
    assert np.abs(extreme.feed["x"]).max() > 2**40
    assert (ordinary.extreme, extreme.extreme) == (False, True)


@pytest.mark.parametrize(
    "name",
    ["float16", "bfloat16", "float8e4m3fn", "float8e5m2", "double", "int4", "uint4", "int8",
     "uint8", "uint64", "bool", "string", "complex64"],
)  # fmt: skip
@pytest.mark.parametrize("variant", [*VARIANTS, *EXTRA_VARIANTS])
def test_every_dtype_has_feeds_in_its_range(name: str, variant: str) -> None:
    (item,) = model_inputs(from_text(model("y = Identity (x)", "float[4,5] x")), [
        InputSpec("x", dtype=name)])  # fmt: skip
    x = make_feed([item], Binding({}, {"x": (4, 5)}), variant, 0).feed["x"]

    assert x.shape == (4, 5)
    assert x.dtype == numpy_dtype(name)
    if name != "string":
        assert np.isfinite(x.astype(np.complex128)).all()


def test_a_range_and_a_list_of_values_are_kept_in_every_variant() -> None:
    text = from_text(model("y = Add (x, z)", "float[8,9] x, float[8,9] z"))
    specs = [InputSpec("x", low=-1.5, high=1.5), InputSpec("z", values=(0.25, 4.0))]
    inputs = model_inputs(text, specs)
    (binding,) = bindings([item.spec for item in inputs])

    for variant in (*VARIANTS, *EXTRA_VARIANTS):
        found = make_feed(inputs, binding, variant, 0).feed
        assert np.abs(found["x"]).max() <= 1.5
        assert set(found["z"].reshape(-1)) <= {0.25, 4.0}
    assert {-1.5, 1.5} == set(make_feed(inputs, binding, "large", 0).feed["x"].reshape(-1))


def test_every_binding_gets_signed_numbers_and_all_variants_are_used() -> None:
    one, two = Binding({"N": 1}, {}), Binding({"N": 4}, {})
    jobs = plan([one, two], 7)

    assert {binding.label for binding, variant, _ in jobs if variant == "normal"} == {"N=1", "N=4"}
    assert {variant for _, variant, _ in jobs} == set(VARIANTS)
    assert len(jobs) == 7
    assert [job[1:] for job in plan([one], 7) if job[1] == "normal"] == [
        ("normal", 7),
        ("normal", 8),
    ]


def test_inputs_nobody_can_feed_say_why() -> None:
    text = '<ir_version: 8, opset_import: ["" : 17]> main (seq(float[2]) s, float x) => (float y) '
    text += "{ y = Identity (x) }"
    sequence, _ = model_inputs(from_text(text))

    assert sequence.why_not == "input 's' is a sequence"


def test_inputs_with_a_default_are_left_to_it() -> None:
    text = '<ir_version: 8, opset_import: ["" : 17]> main (float[2] x, float[2] w = {1, 2}) => '
    text += "(float[2] y) { y = Add (x, w) }"

    assert [item.spec.name for item in model_inputs(from_text(text))] == ["x"]


def test_constant_feeds_are_known_as_such() -> None:
    text = model("y = Relu (x)", "float[4] x")

    assert is_constant(feed(text, "zeros"))
    assert not is_constant(feed(text, "normal"))
